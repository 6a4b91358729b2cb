/* The circular buffer of one name. It never blocks; whoever uses it holds the mutex of its resource. */
#pragma once

#include "transfer.h"

typedef struct _EXAMPLE_RING {
    PUCHAR Data;
    ULONG Size;
    ULONG Head; /* index of the oldest byte */
    ULONG Held;
    ULONG Mode;
    ULONGLONG Dropped;
#if EXAMPLE_FAULTS
    BOOLEAN LosesUpdates;
    BOOLEAN LastWasWrite;
    ULONG FollowingWrites;
    ULONG HeldBeforeWrite;
#endif
} EXAMPLE_RING, *PEXAMPLE_RING;

/* Fails with STATUS_INSUFFICIENT_RESOURCES. */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Ring_Create(_Out_ PEXAMPLE_RING Ring, _In_ ULONG Size);

EXAMPLE_PAGED VOID Ring_Delete(_Inout_ PEXAMPLE_RING Ring);

/*
 * Appends the transfer. *Moved is what was stored (drop-new) or the whole length (overwrite-oldest).
 * If the caller's memory faults nothing is appended; what had to be evicted before is gone and counted.
 */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Ring_Write(_Inout_ PEXAMPLE_RING Ring, _In_ const EXAMPLE_TRANSFER *Transfer,
                                  _Out_ PULONG Moved);

/* Takes out what is there, at most the transfer's length. If the caller's memory faults nothing is taken. */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Ring_Read(_Inout_ PEXAMPLE_RING Ring, _In_ const EXAMPLE_TRANSFER *Transfer,
                                 _Out_ PULONG Moved);

/*
 * Gives an empty ring the memory and size of another, which gets the old ones in exchange.
 * Fails with STATUS_DEVICE_BUSY if the ring holds data; then nothing has changed.
 */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Ring_ExchangeMemory(_Inout_ PEXAMPLE_RING Ring, _Inout_ PEXAMPLE_RING Other);
