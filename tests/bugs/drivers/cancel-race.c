/*
 * Requests wait in a list until RELEASE completes them all, one after the other. It takes off their cancel routine just
 * before, and does not look whether it was still there: one that is cancelled meanwhile is completed twice.
 */
#include "bug.h"

#define WAIT BUG_CODE(0)
#define RELEASE BUG_CODE(1)
#define MOST_AT_ONCE 32

static KSPIN_LOCK Lock;
static LIST_ENTRY Waiting;

static VOID
Start(VOID)
{
    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Waiting);
}

static VOID NTAPI
Cancel(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    KIRQL irql;

    UNREFERENCED_PARAMETER(DeviceObject);
    IoReleaseCancelSpinLock(Irp->CancelIrql);
    KeAcquireSpinLock(&Lock, &irql);
    RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&Lock, irql);
    (VOID)Bug_Complete(Irp, STATUS_CANCELLED, 0);
}

static NTSTATUS
Wait(PIRP Irp)
{
    BOOLEAN cancelled = FALSE;
    KIRQL irql;

    KeAcquireSpinLock(&Lock, &irql);
    IoMarkIrpPending(Irp);
    InsertTailList(&Waiting, &Irp->Tail.Overlay.ListEntry);
    (VOID)IoSetCancelRoutine(Irp, Cancel);
    if (Irp->Cancel && IoSetCancelRoutine(Irp, NULL) != NULL) {
        RemoveEntryList(&Irp->Tail.Overlay.ListEntry);
        cancelled = TRUE;
    }
    KeReleaseSpinLock(&Lock, irql);
    if (cancelled) {
        (VOID)Bug_Complete(Irp, STATUS_CANCELLED, 0);
    }
    return STATUS_PENDING;
}

static VOID
Release(VOID)
{
    PIRP released[MOST_AT_ONCE];
    ULONG count = 0, i;
    KIRQL irql;

    KeAcquireSpinLock(&Lock, &irql);
    while (!IsListEmpty(&Waiting) && count < MOST_AT_ONCE) {
        PIRP irp = CONTAINING_RECORD(RemoveHeadList(&Waiting), IRP, Tail.Overlay.ListEntry);

        /* If its cancel routine is about to run, that may take it out of a list, too. */
        InitializeListHead(&irp->Tail.Overlay.ListEntry);
#ifdef FIXED
        if (IoSetCancelRoutine(irp, NULL) == NULL) {
            continue;
        }
#endif
        released[count++] = irp;
    }
    KeReleaseSpinLock(&Lock, irql);

    for (i = 0; i < count; i++) {
#ifndef FIXED
        (VOID)IoSetCancelRoutine(released[i], NULL);
#endif
        (VOID)Bug_Complete(released[i], STATUS_SUCCESS, 0);
    }
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    switch (Request->Code) {
    case WAIT:
        return Wait(Request->Irp);
    case RELEASE:
        Release();
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

const BUG_DRIVER Bug = {.Start = Start, .Control = Control};
