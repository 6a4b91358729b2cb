/*
 * The counter, and the requests that wait for it to reach a value. A waiting request is in the list; whoever takes it out
 * completes it, and there is exactly one such: the thread that made its cancel routine NULL, or else that routine.
 * (IoCsqInsertIrp and its like do the same. They are not used because the Wine guest has them as stubs only.)
 */
#pragma once

#include "common.h"

typedef struct _COUNTER {
    KSPIN_LOCK Lock; /* guards all that follows; never held while a request is completed */
    ULONGLONG Value;
    ULONG Waiting;
    LIST_ENTRY Requests; /* by Irp->Tail.Overlay.ListEntry */
} COUNTER, *PCOUNTER;

VOID Counter_Create(_Out_ PCOUNTER Counter);

VOID Counter_Get(_Inout_ PCOUNTER Counter, _Out_ PCOUNTER_STATE State);

/*
 * Adds and completes every request whose value is reached; *Released counts them. Fails with STATUS_INTEGER_OVERFLOW,
 * having changed nothing, if there is no such value.
 */
_Must_inspect_result_
NTSTATUS Counter_Add(_Inout_ PCOUNTER Counter, _In_ LONG Amount, _Out_ PULONGLONG Value, _Out_ PULONG Released);

/*
 * Lets the request wait until the counter has at least the value that its system buffer starts with. STATUS_SUCCESS:
 * it has, *Value says how much, and the request is the caller's to complete. STATUS_PENDING: the request is no
 * longer the caller's to touch. DriverContext[0] of a waiting request is the counter.
 */
_Must_inspect_result_
NTSTATUS Counter_Wait(_Inout_ PCOUNTER Counter, _Inout_ PIRP Irp, _Out_ PULONGLONG Value);

/* Cancels the requests of one file; gives how many. */
ULONG Counter_CancelFile(_Inout_ PCOUNTER Counter, _In_ const FILE_OBJECT *File);
