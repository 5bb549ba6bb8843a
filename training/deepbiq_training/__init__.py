"""The training room: backbones, scene-disjoint splits, features and the linear SVR of deepbiq. Needs torch."""
