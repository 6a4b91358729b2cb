/* The control codes of example_ioctl.h. */
#pragma once

#include "device.h"

/*
 * Performs the request without completing it; *Written counts the bytes put into the system buffer.
 * STATUS_PENDING means that the request is marked pending and is not to be completed (fault build only).
 */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Control_Perform(_Inout_ PEXAMPLE_DEVICE Device, _Inout_ PEXAMPLE_RESOURCE Resource,
                                       _Inout_ PIRP Irp, _Out_ PULONG Written);
