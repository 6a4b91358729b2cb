/* Who may open the device. */
#pragma once

#include "common.h"

/*
 * Replaces the device's security descriptor: SYSTEM and Administrators may do everything; authenticated users
 * may read and write, unless EXAMPLE_ADMIN_ONLY is defined. To be called while DO_DEVICE_INITIALIZING is set:
 * until that flag is cleared nobody can open the device with the descriptor that it was created with.
 */
_Must_inspect_result_
EXAMPLE_INIT NTSTATUS Security_Apply(_In_ PDEVICE_OBJECT DeviceObject);
