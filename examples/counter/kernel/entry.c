/* The device: entry, unload, dispatch routines. */
#include "waiting.h"

COUNTER_INIT DRIVER_INITIALIZE DriverEntry;
COUNTER_PAGED DRIVER_UNLOAD Device_Unload;
_Dispatch_type_(IRP_MJ_CREATE) _Dispatch_type_(IRP_MJ_CLOSE) COUNTER_PAGED DRIVER_DISPATCH Device_CreateClose;
_Dispatch_type_(IRP_MJ_CLEANUP) COUNTER_PAGED DRIVER_DISPATCH Device_Cleanup;
_Dispatch_type_(IRP_MJ_DEVICE_CONTROL) COUNTER_PAGED DRIVER_DISPATCH Device_Control;

static const UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Counter");
static const UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Counter");

static NTSTATUS
Device_Complete(_In_ PIRP Irp, _In_ NTSTATUS Status, _In_ ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

_Use_decl_annotations_
NTSTATUS NTAPI
Device_CreateClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    PAGED_CODE();

    return Device_Complete(Irp, STATUS_SUCCESS, 0);
}

/* The last handle of the file is closed: nobody is left to hear how its requests end. */
_Use_decl_annotations_
NTSTATUS NTAPI
Device_Cleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    ULONG cancelled;

    PAGED_CODE();

    cancelled = Counter_CancelFile(DeviceObject->DeviceExtension, IoGetCurrentIrpStackLocation(Irp)->FileObject);
    DbgPrint("Device_Cleanup Called, cancelled %lu\n", cancelled);
    return Device_Complete(Irp, STATUS_SUCCESS, 0);
}

COUNTER_PAGED static NTSTATUS
Device_Get(_Inout_ PCOUNTER Counter, _Inout_ PIRP Irp)
{
    PCOUNTER_STATE state = Irp->AssociatedIrp.SystemBuffer;

    PAGED_CODE();

    Counter_Get(Counter, state);
    DbgPrint("Device_Get Called, value %I64u, waiting %I64u\n", state->Value, state->Waiting);
    return Device_Complete(Irp, STATUS_SUCCESS, sizeof(*state));
}

COUNTER_PAGED static NTSTATUS
Device_Add(_Inout_ PCOUNTER Counter, _Inout_ PIRP Irp)
{
    LONG amount = ((PCOUNTER_AMOUNT)Irp->AssociatedIrp.SystemBuffer)->Amount;
    PCOUNTER_VALUE value = Irp->AssociatedIrp.SystemBuffer;
    ULONG released;
    NTSTATUS status;

    PAGED_CODE();

    status = Counter_Add(Counter, amount, &value->Value, &released);
    DbgPrint("Device_Add Called, amount %ld, value %I64u, released %lu\n", amount, value->Value, released);
    return Device_Complete(Irp, status, NT_SUCCESS(status) ? sizeof(*value) : 0);
}

COUNTER_PAGED static NTSTATUS
Device_Wait(_Inout_ PCOUNTER Counter, _Inout_ PIRP Irp)
{
    ULONGLONG wanted = ((PCOUNTER_VALUE)Irp->AssociatedIrp.SystemBuffer)->Value;
    ULONGLONG value;
    NTSTATUS status;

    PAGED_CODE();

    status = Counter_Wait(Counter, Irp, &value);
    DbgPrint("Device_Wait Called, wanted %I64u, value %I64u%s\n", wanted, value,
             status == STATUS_PENDING ? ", pending" : "");
    if (status == STATUS_PENDING) {
        return status;
    }
    ((PCOUNTER_VALUE)Irp->AssociatedIrp.SystemBuffer)->Value = value;
    return Device_Complete(Irp, status, sizeof(COUNTER_VALUE));
}

/* The lengths that each code needs are here, so that the routines above may use the system buffer. */
_Use_decl_annotations_
NTSTATUS NTAPI
Device_Control(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    PCOUNTER counter = DeviceObject->DeviceExtension;
    ULONG input, output;
    NTSTATUS (*perform)(PCOUNTER, PIRP);

    PAGED_CODE();

    switch (location->Parameters.DeviceIoControl.IoControlCode) {
    case COUNTER_IOCTL_GET:
        perform = Device_Get, input = 0, output = sizeof(COUNTER_STATE);
        break;
    case COUNTER_IOCTL_ADD:
        perform = Device_Add, input = sizeof(COUNTER_AMOUNT), output = sizeof(COUNTER_VALUE);
        break;
    case COUNTER_IOCTL_WAIT:
        perform = Device_Wait, input = sizeof(COUNTER_VALUE), output = sizeof(COUNTER_VALUE);
        break;
    default:
        return Device_Complete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    }
    if (location->Parameters.DeviceIoControl.InputBufferLength != input) {
        return Device_Complete(Irp, STATUS_INFO_LENGTH_MISMATCH, 0);
    }
    if (location->Parameters.DeviceIoControl.OutputBufferLength < output) {
        return Device_Complete(Irp, STATUS_BUFFER_TOO_SMALL, 0);
    }
    return perform(counter, Irp);
}

_Use_decl_annotations_
NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT device;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);

    status = IoCreateDevice(DriverObject, sizeof(COUNTER), (PUNICODE_STRING)&DeviceName, FILE_DEVICE_UNKNOWN,
                            FILE_DEVICE_SECURE_OPEN, FALSE, &device);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    Counter_Create(device->DeviceExtension);

    DriverObject->MajorFunction[IRP_MJ_CREATE] = Device_CreateClose;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = Device_CreateClose;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = Device_Cleanup;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Device_Control;
    DriverObject->DriverUnload = Device_Unload;

    status = IoCreateSymbolicLink((PUNICODE_STRING)&LinkName, (PUNICODE_STRING)&DeviceName);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    DbgPrint("DriverEntry Called, counter\n");
    return STATUS_SUCCESS;
}

/* No file is open any more, and with a file its requests go: nothing waits. */
_Use_decl_annotations_
VOID NTAPI
Device_Unload(PDRIVER_OBJECT DriverObject)
{
    PAGED_CODE();

    DbgPrint("Device_Unload Called, value %I64u\n", ((PCOUNTER)DriverObject->DeviceObject->DeviceExtension)->Value);
    (VOID)IoDeleteSymbolicLink((PUNICODE_STRING)&LinkName);
    IoDeleteDevice(DriverObject->DeviceObject);
}
