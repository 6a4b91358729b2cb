/*
 * The caller's data of one read or write. How it is reached is the I/O type, chosen when the driver is built:
 * direct (locked pages), buffered (the system's copy) or neither (the caller's own address).
 */
#pragma once

#include "common.h"

typedef struct _EXAMPLE_TRANSFER {
    PUCHAR Base; /* neither: a user address, touched only by the functions below */
    ULONG Length;
} EXAMPLE_TRANSFER, *PEXAMPLE_TRANSFER;

/* The device flag of the I/O type. */
EXAMPLE_PAGED ULONG Transfer_DeviceFlags(VOID);

/*
 * For the dispatch routines of IRP_MJ_READ and IRP_MJ_WRITE, in the context of the caller.
 * Fails with STATUS_INSUFFICIENT_RESOURCES (direct) or what probing the address raised (neither).
 */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Transfer_Begin(_Out_ PEXAMPLE_TRANSFER Transfer, _In_ PIRP Irp);

/* Both fail only in the neither build, with the status of the exception that the caller's address raised. */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Transfer_CopyFrom(_In_ const EXAMPLE_TRANSFER *Transfer, _In_ ULONG Offset,
                                         _Out_writes_bytes_(Length) PUCHAR Destination, _In_ ULONG Length);
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Transfer_CopyTo(_In_ const EXAMPLE_TRANSFER *Transfer, _In_ ULONG Offset,
                                       _In_reads_bytes_(Length) const UCHAR *Source, _In_ ULONG Length);
