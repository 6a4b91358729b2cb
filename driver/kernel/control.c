#include "control.h"

/*
 * METHOD_BUFFERED: one system buffer for input and output. An output that is too short is refused before anything
 * is done, an input must be exactly the structure.
 */
EXAMPLE_PAGED static NTSTATUS
Control_Input(_In_ PIRP Irp, _Out_writes_bytes_(Length) PVOID Input, _In_ ULONG Length)
{
    PAGED_CODE();

    if (IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.InputBufferLength != Length) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    RtlCopyMemory(Input, Irp->AssociatedIrp.SystemBuffer, Length);
    return STATUS_SUCCESS;
}

EXAMPLE_PAGED static NTSTATUS
Control_Output(_In_ PIRP Irp, _In_reads_bytes_(Length) const VOID *Output, _In_ ULONG Length, _Out_ PULONG Written)
{
    PAGED_CODE();

    if (IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.OutputBufferLength < Length) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    RtlCopyMemory(Irp->AssociatedIrp.SystemBuffer, Output, Length);
    *Written = Length;
    return STATUS_SUCCESS;
}

EXAMPLE_PAGED static NTSTATUS
Control_GetSize(_Inout_ PEXAMPLE_RESOURCE Resource, _In_ PIRP Irp, _Out_ PULONG Written)
{
    EXAMPLE_SIZE size;

    PAGED_CODE();

    Example_Lock(&Resource->Mutex);
    size.Bytes = Resource->Ring.Size;
    Example_Unlock(&Resource->Mutex);
    return Control_Output(Irp, &size, sizeof(size), Written);
}

EXAMPLE_PAGED static NTSTATUS
Control_SetSize(_Inout_ PEXAMPLE_RESOURCE Resource, _In_ PIRP Irp)
{
    EXAMPLE_SIZE size;
    EXAMPLE_RING other;
    NTSTATUS status;

    PAGED_CODE();

    status = Control_Input(Irp, &size, sizeof(size));
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (size.Bytes < EXAMPLE_MINIMUM_SIZE || size.Bytes > EXAMPLE_MAXIMUM_SIZE) {
        return STATUS_INVALID_PARAMETER;
    }
    status = Ring_Create(&other, size.Bytes);
    if (!NT_SUCCESS(status)) {
        return status;
    }

    Example_Lock(&Resource->Mutex);
    status = Ring_ExchangeMemory(&Resource->Ring, &other);
    Example_Unlock(&Resource->Mutex);

    /* The old memory after an exchange, the unused new one otherwise. */
    Ring_Delete(&other);
    return status;
}

EXAMPLE_PAGED static NTSTATUS
Control_GetStatistics(_Inout_ PEXAMPLE_DEVICE Device, _Inout_ PEXAMPLE_RESOURCE Resource, _In_ PIRP Irp,
                      _Out_ PULONG Written)
{
    EXAMPLE_STATISTICS statistics;

    PAGED_CODE();

    RtlZeroMemory(&statistics, sizeof(statistics));
    statistics.References = Resource_References(&Device->Resources, Resource);
    Example_Lock(&Resource->Mutex);
    statistics.Held = Resource->Ring.Held;
    statistics.Size = Resource->Ring.Size;
    statistics.Mode = Resource->Ring.Mode;
    statistics.Dropped = Resource->Ring.Dropped;
    Example_Unlock(&Resource->Mutex);
    return Control_Output(Irp, &statistics, sizeof(statistics), Written);
}

EXAMPLE_PAGED static NTSTATUS
Control_SetMode(_Inout_ PEXAMPLE_RESOURCE Resource, _In_ PIRP Irp)
{
    EXAMPLE_MODE mode;
    NTSTATUS status;

    PAGED_CODE();

    status = Control_Input(Irp, &mode, sizeof(mode));
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (mode.Mode != EXAMPLE_MODE_DROP_NEW && mode.Mode != EXAMPLE_MODE_OVERWRITE_OLDEST) {
        return STATUS_INVALID_PARAMETER;
    }

    Example_Lock(&Resource->Mutex);
    Resource->Ring.Mode = mode.Mode;
    Example_Unlock(&Resource->Mutex);
    return STATUS_SUCCESS;
}

#if EXAMPLE_FAULTS

EXAMPLE_PAGED static NTSTATUS
Control_Fault(_Inout_ PEXAMPLE_DEVICE Device, _Inout_ PEXAMPLE_RESOURCE Resource, _In_ PIRP Irp)
{
    EXAMPLE_FAULT fault;
    NTSTATUS status;

    PAGED_CODE();

    status = Control_Input(Irp, &fault, sizeof(fault));
    if (!NT_SUCCESS(status)) {
        return status;
    }
    return Fault_Commit(Device, Resource, Irp, fault.Kind);
}

EXAMPLE_PAGED static NTSTATUS
Control_Burst(_In_ PIRP Irp)
{
    EXAMPLE_BURST burst;
    NTSTATUS status;
    ULONG i;

    PAGED_CODE();

    status = Control_Input(Irp, &burst, sizeof(burst));
    if (!NT_SUCCESS(status)) {
        return status;
    }
    if (burst.Count < 1 || burst.Count > EXAMPLE_BURST_MAXIMUM) {
        return STATUS_INVALID_PARAMETER;
    }
    for (i = 1; i <= burst.Count; i++) {
        DbgPrint("burst %lu of %lu\n", i, burst.Count);
    }
    return STATUS_SUCCESS;
}

EXAMPLE_PAGED static NTSTATUS
Control_Fail(_In_ PIRP Irp)
{
    EXAMPLE_FAIL fail;
    NTSTATUS status;

    PAGED_CODE();

    status = Control_Input(Irp, &fail, sizeof(fail));
    return NT_SUCCESS(status) ? Failure_Arm(fail.Kind, fail.Call) : status;
}

#endif

_Use_decl_annotations_
NTSTATUS
Control_Perform(PEXAMPLE_DEVICE Device, PEXAMPLE_RESOURCE Resource, PIRP Irp, PULONG Written)
{
    PAGED_CODE();

    *Written = 0;
    switch (IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.IoControlCode) {
    case EXAMPLE_IOCTL_GET_SIZE:
        return Control_GetSize(Resource, Irp, Written);
    case EXAMPLE_IOCTL_SET_SIZE:
        return Control_SetSize(Resource, Irp);
    case EXAMPLE_IOCTL_GET_STATISTICS:
        return Control_GetStatistics(Device, Resource, Irp, Written);
    case EXAMPLE_IOCTL_SET_MODE:
        return Control_SetMode(Resource, Irp);
#if EXAMPLE_FAULTS
    case EXAMPLE_IOCTL_FAULT:
        return Control_Fault(Device, Resource, Irp);
    case EXAMPLE_IOCTL_BURST:
        return Control_Burst(Irp);
    case EXAMPLE_IOCTL_FAIL:
        return Control_Fail(Irp);
#endif
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}
