/* Money goes from one account to the other under both locks; the two directions take them in opposite order. */
#include "bug.h"

#define THERE BUG_CODE(0)
#define BACK BUG_CODE(1)

typedef struct _ACCOUNT {
    KMUTEX Mutex;
    LONG Balance;
} ACCOUNT;

static ACCOUNT First, Second;

static VOID
Start(VOID)
{
    KeInitializeMutex(&First.Mutex, 0);
    KeInitializeMutex(&Second.Mutex, 0);
}

static VOID
Lock(ACCOUNT *Account)
{
    (VOID)KeWaitForSingleObject(&Account->Mutex, Executive, KernelMode, FALSE, NULL);
}

static VOID
Move(ACCOUNT *From, ACCOUNT *To)
{
#ifdef FIXED
    Lock(&First);
    Lock(&Second);
#else
    Lock(From);
    Lock(To);
#endif
    From->Balance--;
    To->Balance++;
    (VOID)KeReleaseMutex(&To->Mutex, FALSE);
    (VOID)KeReleaseMutex(&From->Mutex, FALSE);
}

static NTSTATUS
Control(PBUG_REQUEST Request)
{
    switch (Request->Code) {
    case THERE:
        Move(&First, &Second);
        return STATUS_SUCCESS;
    case BACK:
        Move(&Second, &First);
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

const BUG_DRIVER Bug = {.Start = Start, .Control = Control};
