#include "bug.h"

DRIVER_INITIALIZE DriverEntry;
static DRIVER_UNLOAD Bug_Unload;
static DRIVER_DISPATCH Bug_Create, Bug_Cleanup, Bug_Close, Bug_Control;

static const UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Bug");
static const UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Bug");

NTSTATUS
Bug_Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

NTSTATUS
Bug_Answer(PBUG_REQUEST Request, ULONG Number)
{
    if (Request->OutputLength < sizeof(Number)) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    RtlCopyMemory(Request->Output, &Number, sizeof(Number));
    Request->Written = sizeof(Number);
    return STATUS_SUCCESS;
}

PVOID
Bug_Allocate(SIZE_T Length, ULONG Tag)
{
    PVOID block = ExAllocatePoolWithTag(NonPagedPoolNx, Length, Tag);

    if (block != NULL) {
        RtlZeroMemory(block, Length);
    }
    return block;
}

static NTSTATUS NTAPI
Bug_Create(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    NTSTATUS status = STATUS_SUCCESS;

    UNREFERENCED_PARAMETER(DeviceObject);
    if (Bug.Create != NULL) {
        status = Bug.Create(IoGetCurrentIrpStackLocation(Irp)->FileObject);
    }
    return Bug_Complete(Irp, status, 0);
}

static NTSTATUS NTAPI
Bug_Cleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    if (Bug.Cleanup != NULL) {
        Bug.Cleanup(IoGetCurrentIrpStackLocation(Irp)->FileObject);
    }
    return Bug_Complete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI
Bug_Close(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    if (Bug.Close != NULL) {
        Bug.Close(IoGetCurrentIrpStackLocation(Irp)->FileObject);
    }
    return Bug_Complete(Irp, STATUS_SUCCESS, 0);
}

static NTSTATUS NTAPI
Bug_Control(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    BUG_REQUEST request = {
        .Irp = Irp,
        .File = location->FileObject,
        .Code = location->Parameters.DeviceIoControl.IoControlCode,
        .Output = Irp->AssociatedIrp.SystemBuffer,
        .InputLength = location->Parameters.DeviceIoControl.InputBufferLength,
        .OutputLength = location->Parameters.DeviceIoControl.OutputBufferLength,
    };
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;

    UNREFERENCED_PARAMETER(DeviceObject);
    if ((request.Code & 3) == METHOD_BUFFERED && request.InputLength >= sizeof(request.Number)) {
        RtlCopyMemory(&request.Number, Irp->AssociatedIrp.SystemBuffer, sizeof(request.Number));
    }
    if (Bug.Control != NULL) {
        status = Bug.Control(&request);
    }
    return status == STATUS_PENDING ? status : Bug_Complete(Irp, status, request.Written);
}

NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PDEVICE_OBJECT device;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);
    status = IoCreateDevice(DriverObject, 0, (PUNICODE_STRING)&DeviceName, FILE_DEVICE_UNKNOWN,
                            FILE_DEVICE_SECURE_OPEN, FALSE, &device);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = IoCreateSymbolicLink((PUNICODE_STRING)&LinkName, (PUNICODE_STRING)&DeviceName);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(device);
        return status;
    }
    if (Bug.Start != NULL) {
        Bug.Start();
    }
    DriverObject->MajorFunction[IRP_MJ_CREATE] = Bug_Create;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = Bug_Cleanup;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = Bug_Close;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Bug_Control;
    DriverObject->DriverUnload = Bug_Unload;
    DbgPrint("DriverEntry Called, " BUG_BUILD "\n");
    return STATUS_SUCCESS;
}

static VOID NTAPI
Bug_Unload(PDRIVER_OBJECT DriverObject)
{
    if (Bug.Stop != NULL) {
        Bug.Stop();
    }
    (VOID)IoDeleteSymbolicLink((PUNICODE_STRING)&LinkName);
    IoDeleteDevice(DriverObject->DeviceObject);
    DbgPrint("Bug_Unload Called\n");
}
