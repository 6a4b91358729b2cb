#include "dispatch.h"

#include "control.h"
#include "device.h"

_Use_decl_annotations_
NTSTATUS
Example_Complete(PIRP Irp, NTSTATUS Status, ULONG_PTR Information)
{
    PAGED_CODE();

    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = Information;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return Status;
}

/* NULL if the file was never created by us: some I/O managers go on with a file whose CREATE failed. */
EXAMPLE_PAGED static PEXAMPLE_RESOURCE
Example_ResourceOf(_In_ PIRP Irp)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    PAGED_CODE();
    return file != NULL ? file->FsContext : NULL;
}

EXAMPLE_PAGED static PCSTR
Example_LabelOf(_In_opt_ const EXAMPLE_RESOURCE *Resource)
{
    PAGED_CODE();
    return Resource != NULL ? Resource->Label : "(none)";
}

_Use_decl_annotations_
NTSTATUS
Example_Create(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PEXAMPLE_DEVICE device = DeviceObject->DeviceExtension;
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    PEXAMPLE_RESOURCE resource = NULL;
    ULONG references = 0;
    NTSTATUS status;

    PAGED_CODE();

    /* A name relative to another open file would need that file's name in front: names here are flat. */
    if (file->RelatedFileObject != NULL) {
        status = STATUS_INVALID_PARAMETER;
    } else {
        status = Resource_Open(&device->Resources, &file->FileName, &resource, &references);
    }

    if (NT_SUCCESS(status)) {
        file->FsContext = resource;
        DbgPrint("Example_Create Called, name %s, references %lu\n", resource->Label, references);
    } else {
        EXAMPLE_LABEL label;
        Text_FromName(&label, &file->FileName);
        DbgPrint("Example_Create Called, name %s, status 0x%08lX\n", label, status);
    }
    return Example_Complete(Irp, status, NT_SUCCESS(status) ? FILE_OPENED : 0);
}

/* The last handle is closed. No request is ever queued here, so there is none to cancel. */
_Use_decl_annotations_
NTSTATUS
Example_Cleanup(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PEXAMPLE_DEVICE device = DeviceObject->DeviceExtension;
    PEXAMPLE_RESOURCE resource = Example_ResourceOf(Irp);
    ULONG references = 0;

    PAGED_CODE();

    if (resource != NULL) {
        references = Resource_References(&device->Resources, resource);
    }
    DbgPrint("Example_Cleanup Called, name %s, references %lu\n", Example_LabelOf(resource), references);
    return Example_Complete(Irp, STATUS_SUCCESS, 0);
}

/* The last reference to the file is gone; the context may be that of any process. */
_Use_decl_annotations_
NTSTATUS
Example_Close(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PEXAMPLE_DEVICE device = DeviceObject->DeviceExtension;
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    PEXAMPLE_RESOURCE resource = Example_ResourceOf(Irp);
    EXAMPLE_LABEL label = "(none)";
    ULONG references = 0;

    PAGED_CODE();

    if (resource != NULL) {
        RtlCopyMemory(label, resource->Label, sizeof(label));
        file->FsContext = NULL;
        references = Resource_Close(&device->Resources, resource);
    }
    DbgPrint("Example_Close Called, name %s, references %lu\n", label, references);
    return Example_Complete(Irp, STATUS_SUCCESS, 0);
}

EXAMPLE_PAGED static VOID
Example_PrintFailedTransfer(_In_ PCSTR Routine, _In_opt_ const EXAMPLE_RESOURCE *Resource, _In_ ULONG Length,
                            _In_ NTSTATUS Status)
{
    PAGED_CODE();
    DbgPrint("%s Called, name %s, 0 of %lu bytes, status 0x%08lX\n", Routine, Example_LabelOf(Resource), Length,
             Status);
}

_Use_decl_annotations_
NTSTATUS
Example_Read(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PEXAMPLE_RESOURCE resource = Example_ResourceOf(Irp);
    EXAMPLE_TRANSFER transfer = {NULL, 0};
    ULONG moved = 0;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(DeviceObject);
    PAGED_CODE();

    status = resource != NULL ? Transfer_Begin(&transfer, Irp) : STATUS_INVALID_HANDLE;
    if (NT_SUCCESS(status)) {
        Example_Lock(&resource->Mutex);
        status = Ring_Read(&resource->Ring, &transfer, &moved);
        Example_Unlock(&resource->Mutex);
    }

    if (NT_SUCCESS(status)) {
        DbgPrint("Example_Read Called, name %s, %lu of %lu bytes\n", resource->Label, moved, transfer.Length);
    } else {
        Example_PrintFailedTransfer("Example_Read", resource, transfer.Length, status);
    }
    return Example_Complete(Irp, status, moved);
}

/*
 * The string at the start of the transfer, if a NUL lies inside its length. Works on copies: the caller may change
 * its memory between the search for the NUL and the printing.
 */
EXAMPLE_PAGED static BOOLEAN
Example_StringOf(_In_ const EXAMPLE_TRANSFER *Transfer, _Out_ EXAMPLE_TEXT *Text)
{
    UCHAR piece[EXAMPLE_TEXT_LENGTH];
    ULONG offset, length, i;

    PAGED_CODE();

    for (offset = 0; offset < Transfer->Length; offset += length) {
        length = min(Transfer->Length - offset, sizeof(piece));
        if (!NT_SUCCESS(Transfer_CopyFrom(Transfer, offset, piece, length))) {
            return FALSE;
        }
        for (i = 0; i < length && piece[i] != 0; i++) {
        }
        if (offset == 0) {
            Text_FromBytes(Text, piece, i, i == length);
        }
        if (i < length) {
            return TRUE;
        }
    }
    return FALSE;
}

EXAMPLE_PAGED static VOID
Example_PrintWrite(_In_ const EXAMPLE_RESOURCE *Resource, _In_ const EXAMPLE_TRANSFER *Transfer, _In_ ULONG Moved)
{
    EXAMPLE_TEXT text;

    PAGED_CODE();

    if (Example_StringOf(Transfer, &text)) {
        DbgPrint("Example_Write Called, name %s, %lu of %lu bytes, text \"%s\"\n", Resource->Label, Moved,
                 Transfer->Length, text);
    } else {
        DbgPrint("Example_Write Called, name %s, %lu of %lu bytes\n", Resource->Label, Moved, Transfer->Length);
    }
}

_Use_decl_annotations_
NTSTATUS
Example_Write(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PEXAMPLE_RESOURCE resource = Example_ResourceOf(Irp);
    EXAMPLE_TRANSFER transfer = {NULL, 0};
    ULONG moved = 0;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(DeviceObject);
    PAGED_CODE();

    status = resource != NULL ? Transfer_Begin(&transfer, Irp) : STATUS_INVALID_HANDLE;
    if (NT_SUCCESS(status)) {
        Example_Lock(&resource->Mutex);
        status = Ring_Write(&resource->Ring, &transfer, &moved);
        Example_Unlock(&resource->Mutex);
    }

    if (NT_SUCCESS(status)) {
        Example_PrintWrite(resource, &transfer, moved);
    } else {
        Example_PrintFailedTransfer("Example_Write", resource, transfer.Length, status);
    }
    return Example_Complete(Irp, status, moved);
}

_Use_decl_annotations_
NTSTATUS
Example_DeviceControl(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    ULONG code = IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.IoControlCode;
    PEXAMPLE_RESOURCE resource = Example_ResourceOf(Irp);
    ULONG written = 0;
    NTSTATUS status;

    PAGED_CODE();

    status = STATUS_INVALID_HANDLE;
    if (resource != NULL) {
        status = Control_Perform(DeviceObject->DeviceExtension, resource, Irp, &written);
    }
    DbgPrint("Example_DeviceControl Called, name %s, code 0x%06lX, status 0x%08lX, %lu bytes\n",
             Example_LabelOf(resource), code, status, written);
    if (status == STATUS_PENDING) {
        return status;
    }
    return Example_Complete(Irp, status, written);
}

_Use_decl_annotations_
NTSTATUS
Example_UnsupportedFunction(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    UNREFERENCED_PARAMETER(DeviceObject);
    PAGED_CODE();

    DbgPrint("Example_UnsupportedFunction Called, major %u\n", IoGetCurrentIrpStackLocation(Irp)->MajorFunction);
    return Example_Complete(Irp, STATUS_INVALID_DEVICE_REQUEST, 0);
}
