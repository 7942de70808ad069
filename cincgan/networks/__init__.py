"""The networks of CinCGAN (paper, figure 3)."""
