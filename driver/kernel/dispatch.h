/* The dispatch routines. All run at PASSIVE_LEVEL: nothing is layered above this device. */
#pragma once

#include "common.h"

_Dispatch_type_(IRP_MJ_CREATE) EXAMPLE_PAGED DRIVER_DISPATCH Example_Create;
_Dispatch_type_(IRP_MJ_CLEANUP) EXAMPLE_PAGED DRIVER_DISPATCH Example_Cleanup;
_Dispatch_type_(IRP_MJ_CLOSE) EXAMPLE_PAGED DRIVER_DISPATCH Example_Close;
_Dispatch_type_(IRP_MJ_READ) EXAMPLE_PAGED DRIVER_DISPATCH Example_Read;
_Dispatch_type_(IRP_MJ_WRITE) EXAMPLE_PAGED DRIVER_DISPATCH Example_Write;
_Dispatch_type_(IRP_MJ_DEVICE_CONTROL) EXAMPLE_PAGED DRIVER_DISPATCH Example_DeviceControl;
EXAMPLE_PAGED DRIVER_DISPATCH Example_UnsupportedFunction;

/* Finishes the request and gives the status back, so that a dispatch routine can end with it. */
EXAMPLE_PAGED NTSTATUS Example_Complete(_In_ PIRP Irp, _In_ NTSTATUS Status, _In_ ULONG_PTR Information);
