"""Layers of VGG whose features perceptual losses compare, and the published weights of each network."""

from __future__ import annotations

VGG_LAYERS = {  # index in torchvision's ``features``, by network and convolution
    "vgg16": {"conv2_2": 7, "conv3_3": 14, "conv4_3": 21, "conv5_3": 28},
    "vgg19": {"conv2_2": 7, "conv3_4": 16, "conv4_4": 25, "conv5_4": 34},
}
VGG_CARDS = {"vgg16": "lpips-vgg", "vgg19": "vgg19"}  # the trunk of lpips-vgg is torchvision's VGG16
