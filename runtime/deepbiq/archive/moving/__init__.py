"""Moving files aside, never over another one, and moving them back."""
