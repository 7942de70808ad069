"""Steps of protocols with their numbers, and definitions of PSNR that no protocol has; no cell is computed by them."""
