/* Allocates paged pool while it holds a spin lock: the allocation itself may have to wait for a page. */
#include "bug.h"

#define STORE BUG_CODE(0)

static KSPIN_LOCK Lock;
static PULONG Stored;

static VOID
Start(VOID)
{
    KeInitializeSpinLock(&Lock);
    Stored = NULL;
}

static VOID
Stop(VOID)
{
    if (Stored != NULL) {
        ExFreePoolWithTag(Stored, BUG_TAG);
    }
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    PULONG fresh = NULL, old;
    KIRQL irql;

    if (Request->Code != STORE) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
#ifdef FIXED
    fresh = ExAllocatePoolWithTag(PagedPool, sizeof(*fresh), BUG_TAG);
#endif
    KeAcquireSpinLock(&Lock, &irql);
#ifndef FIXED
    fresh = ExAllocatePoolWithTag(PagedPool, sizeof(*fresh), BUG_TAG);
#endif
    old = Stored;
    Stored = fresh;
    KeReleaseSpinLock(&Lock, irql);
    if (old != NULL) {
        ExFreePoolWithTag(old, BUG_TAG);
    }
    return fresh != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

const BUG_DRIVER Bug = {.Start = Start, .Stop = Stop, .Control = Control};
