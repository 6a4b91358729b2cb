#include "transfer.h"

#ifndef MdlMappingNoExecute
#define MdlMappingNoExecute 0x40000000
#endif

#if defined(EXAMPLE_IO_DIRECT)
#define TRANSFER_DEVICE_FLAGS DO_DIRECT_IO
#elif defined(EXAMPLE_IO_BUFFERED)
#define TRANSFER_DEVICE_FLAGS DO_BUFFERED_IO
#else
#define TRANSFER_DEVICE_FLAGS 0
#endif

_Use_decl_annotations_
ULONG
Transfer_DeviceFlags(VOID)
{
    PAGED_CODE();
    return TRANSFER_DEVICE_FLAGS;
}

#if defined(EXAMPLE_IO_NEITHER)

/*
 * Keeps the status of an exception. To be called from the filter: there the code comes from the exception's record,
 * while in the handler it comes from a register that not every system sets.
 */
EXAMPLE_PAGED static LONG
Transfer_Catch(_In_ PEXCEPTION_POINTERS Exception, _Out_ PNTSTATUS Status)
{
    PAGED_CODE();

    *Status = Exception->ExceptionRecord->ExceptionCode;
    return EXCEPTION_EXECUTE_HANDLER;
}

#endif

#if defined(EXAMPLE_IO_DIRECT)

EXAMPLE_PAGED static NTSTATUS
Transfer_Locate(_Inout_ PEXAMPLE_TRANSFER Transfer, _In_ PIRP Irp, _In_ BOOLEAN IsRead)
{
    UNREFERENCED_PARAMETER(IsRead);
    PAGED_CODE();

    if (Irp->MdlAddress == NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    Transfer->Base = MmGetSystemAddressForMdlSafe(Irp->MdlAddress, NormalPagePriority | MdlMappingNoExecute);
    return Transfer->Base != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

#elif defined(EXAMPLE_IO_BUFFERED)

EXAMPLE_PAGED static NTSTATUS
Transfer_Locate(_Inout_ PEXAMPLE_TRANSFER Transfer, _In_ PIRP Irp, _In_ BOOLEAN IsRead)
{
    UNREFERENCED_PARAMETER(IsRead);
    PAGED_CODE();

    Transfer->Base = Irp->AssociatedIrp.SystemBuffer;
    return Transfer->Base != NULL ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

#else

EXAMPLE_PAGED static NTSTATUS
Transfer_Locate(_Inout_ PEXAMPLE_TRANSFER Transfer, _In_ PIRP Irp, _In_ BOOLEAN IsRead)
{
    NTSTATUS status = STATUS_SUCCESS;

    PAGED_CODE();

    Transfer->Base = Irp->UserBuffer;
    /* Another driver may send the request with an address of its own; then there is nothing to distrust. */
    if (Irp->RequestorMode == KernelMode) {
        return STATUS_SUCCESS;
    }
    __try {
        if (IsRead) {
            ProbeForWrite(Transfer->Base, Transfer->Length, sizeof(UCHAR));
        } else {
            ProbeForRead(Transfer->Base, Transfer->Length, sizeof(UCHAR));
        }
    } __except (Transfer_Catch(GetExceptionInformation(), &status)) {
    }
    return status;
}

#endif

_Use_decl_annotations_
NTSTATUS
Transfer_Begin(PEXAMPLE_TRANSFER Transfer, PIRP Irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);
    BOOLEAN isRead = stack->MajorFunction == IRP_MJ_READ;

    PAGED_CODE();

    Transfer->Base = NULL;
    Transfer->Length = isRead ? stack->Parameters.Read.Length : stack->Parameters.Write.Length;
    /* With no bytes to move there may be no buffer: no MDL, no system buffer, any address. */
    return Transfer->Length == 0 ? STATUS_SUCCESS : Transfer_Locate(Transfer, Irp, isRead);
}

#if defined(EXAMPLE_IO_NEITHER)

/*
 * The address can become invalid at any moment, another thread of the caller may unmap it: probing once is not
 * enough, every touch is guarded. The touch must be a call into another image (memcpy of the kernel): clang guards
 * calls only, and none that it can see through.
 */
EXAMPLE_PAGED static NTSTATUS
Transfer_Copy(_Out_writes_bytes_(Length) PUCHAR Destination, _In_reads_bytes_(Length) const UCHAR *Source,
              _In_ ULONG Length)
{
    NTSTATUS status = STATUS_SUCCESS;

    PAGED_CODE();

    __try {
        RtlCopyMemory(Destination, Source, Length);
    } __except (Transfer_Catch(GetExceptionInformation(), &status)) {
    }
    return status;
}

#else

EXAMPLE_PAGED static NTSTATUS
Transfer_Copy(_Out_writes_bytes_(Length) PUCHAR Destination, _In_reads_bytes_(Length) const UCHAR *Source,
              _In_ ULONG Length)
{
    PAGED_CODE();

    if (Failure_IsDue(EXAMPLE_FAILURE_COPY)) {
        return STATUS_ACCESS_VIOLATION;
    }
    RtlCopyMemory(Destination, Source, Length);
    return STATUS_SUCCESS;
}

#endif

_Use_decl_annotations_
NTSTATUS
Transfer_CopyFrom(const EXAMPLE_TRANSFER *Transfer, ULONG Offset, PUCHAR Destination, ULONG Length)
{
    PAGED_CODE();
    return Length == 0 ? STATUS_SUCCESS : Transfer_Copy(Destination, Transfer->Base + Offset, Length);
}

_Use_decl_annotations_
NTSTATUS
Transfer_CopyTo(const EXAMPLE_TRANSFER *Transfer, ULONG Offset, const UCHAR *Source, ULONG Length)
{
    PAGED_CODE();
    return Length == 0 ? STATUS_SUCCESS : Transfer_Copy(Transfer->Base + Offset, Source, Length);
}
