#include "device.h"
#include "dispatch.h"
#include "security.h"

#if EXAMPLE_FAULTS
#define EXAMPLE_BUILD "example-fault"
#elif defined(EXAMPLE_IO_DIRECT)
#define EXAMPLE_BUILD "example-direct"
#elif defined(EXAMPLE_IO_BUFFERED)
#define EXAMPLE_BUILD "example-buffered"
#else
#define EXAMPLE_BUILD "example-neither"
#endif

EXAMPLE_INIT DRIVER_INITIALIZE DriverEntry;
EXAMPLE_PAGED DRIVER_UNLOAD Example_Unload;

static const UNICODE_STRING DeviceName = RTL_CONSTANT_STRING(L"\\Device\\Example");
static const UNICODE_STRING LinkName = RTL_CONSTANT_STRING(L"\\DosDevices\\Example");

EXAMPLE_INIT static VOID
Example_SetDispatch(_Inout_ PDRIVER_OBJECT DriverObject)
{
    ULONG i;

    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++) {
        DriverObject->MajorFunction[i] = Example_UnsupportedFunction;
    }
    DriverObject->MajorFunction[IRP_MJ_CREATE] = Example_Create;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = Example_Close;
    DriverObject->MajorFunction[IRP_MJ_CLEANUP] = Example_Cleanup;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = Example_DeviceControl;
    DriverObject->MajorFunction[IRP_MJ_READ] = Example_Read;
    DriverObject->MajorFunction[IRP_MJ_WRITE] = Example_Write;
    DriverObject->DriverUnload = Example_Unload;
}

_Must_inspect_result_
EXAMPLE_INIT static NTSTATUS
Example_Start(_Inout_ PDRIVER_OBJECT DriverObject)
{
    PDEVICE_OBJECT deviceObject;
    PEXAMPLE_DEVICE device;
    NTSTATUS status;

    status = IoCreateDevice(DriverObject, sizeof(*device), (PUNICODE_STRING)&DeviceName, FILE_DEVICE_UNKNOWN,
                            FILE_DEVICE_SECURE_OPEN, FALSE, &deviceObject);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    device = deviceObject->DeviceExtension;
    ResourceList_Create(&device->Resources);
#if EXAMPLE_FAULTS
    Fault_CreateHolders(&device->Holders);
#endif

    status = Security_Apply(deviceObject);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(deviceObject);
        return status;
    }
    Example_SetDispatch(DriverObject);
    deviceObject->Flags |= Transfer_DeviceFlags();
    deviceObject->Flags &= ~DO_DEVICE_INITIALIZING;

    status = IoCreateSymbolicLink((PUNICODE_STRING)&LinkName, (PUNICODE_STRING)&DeviceName);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(deviceObject);
    }
    return status;
}

_Use_decl_annotations_
NTSTATUS NTAPI
DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);

    DbgPrint("DriverEntry Called, " EXAMPLE_BUILD "\n");
    status = Example_Start(DriverObject);
    if (!NT_SUCCESS(status)) {
        DbgPrint("DriverEntry failed, status 0x%08lX\n", status);
    }
    return status;
}

_Use_decl_annotations_
VOID NTAPI
Example_Unload(PDRIVER_OBJECT DriverObject)
{
    PDEVICE_OBJECT deviceObject = DriverObject->DeviceObject;
    PEXAMPLE_DEVICE device = deviceObject->DeviceExtension;

    PAGED_CODE();

#if EXAMPLE_FAULTS
    Fault_DeleteHolders(device);
#endif
    /* No file is open any more, so a resource that still exists has leaked: nobody can say whether it is in use. */
    DbgPrint("Example_Unload Called, contexts %lu\n", ResourceList_Count(&device->Resources));

    /* Fails only if somebody else has deleted the link; then there is nothing left to do. */
    (VOID)IoDeleteSymbolicLink((PUNICODE_STRING)&LinkName);
    IoDeleteDevice(deviceObject);
}
