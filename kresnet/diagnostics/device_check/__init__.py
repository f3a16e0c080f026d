"""`kresnet check device`: whether this machine trains as kresnet promises, part by part, in processes that may die.

`registry.DEVICE_PARTS` lists the parts; `device_check.run_device_check` runs them and writes a `DeviceReport`.
"""
