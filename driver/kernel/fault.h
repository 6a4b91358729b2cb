/*
 * Faults on purpose, in the fault build only: there are ways a driver can break, so that whoever watches drivers
 * can be tested. In every other build nothing of this is compiled in.
 */
#pragma once

#include "resource.h"

struct _EXAMPLE_DEVICE;

#if EXAMPLE_FAULTS

/* The threads that keep a mutex until the driver is unloaded. */
typedef struct _EXAMPLE_FAULT_HOLDERS {
    KMUTEX Mutex;
    LIST_ENTRY Head;
} EXAMPLE_FAULT_HOLDERS, *PEXAMPLE_FAULT_HOLDERS;

EXAMPLE_PAGED VOID Fault_CreateHolders(_Out_ PEXAMPLE_FAULT_HOLDERS Holders);

/* Lets all holders go and waits for their threads: they run code of this driver. */
EXAMPLE_PAGED VOID Fault_DeleteHolders(_Inout_ struct _EXAMPLE_DEVICE *Device);

/* Fails with STATUS_INVALID_PARAMETER for an unknown kind. */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Fault_Commit(_Inout_ struct _EXAMPLE_DEVICE *Device, _Inout_ PEXAMPLE_RESOURCE Resource,
                                    _Inout_ PIRP Irp, _In_ ULONG Kind);

/* The lost update: every fourth write that follows a write without a read in between lands on top of it. */
EXAMPLE_PAGED VOID Fault_BeforeRingWrite(_Inout_ PEXAMPLE_RING Ring);
EXAMPLE_PAGED VOID Fault_AfterRingWrite(_Inout_ PEXAMPLE_RING Ring);
EXAMPLE_PAGED VOID Fault_AfterRingRead(_Inout_ PEXAMPLE_RING Ring);

#else

#define Fault_BeforeRingWrite(Ring) ((VOID)(Ring))
#define Fault_AfterRingWrite(Ring) ((VOID)(Ring))
#define Fault_AfterRingRead(Ring) ((VOID)(Ring))

#endif
