"""Published data sets in their official layouts, one file each; none of them imports torch."""
