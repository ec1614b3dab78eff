"""What runs a model on this machine: processor, Intel's graphics and NPU by OpenVINO, NVIDIA's and Apple's graphics by torch."""
