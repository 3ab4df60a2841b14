"""Devices: one TOML file each, every figure with its source."""

from evonas.devices.catalogue import Device, MemoryTier, device_names, load_device, parse_device
from evonas.devices.kernels import KernelModel

__all__ = [
    "Device",
    "KernelModel",
    "MemoryTier",
    "device_names",
    "load_device",
    "parse_device",
]
