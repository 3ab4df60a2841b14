"""Devices: one TOML file each, every figure with its source."""

from evonas.devices.catalogue import Device, KernelCycles, device_names, load_device

__all__ = ["Device", "KernelCycles", "device_names", "load_device"]
