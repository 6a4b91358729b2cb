#include "common.h"

/* For each kind, how many calls away the one is that fails; none if not positive. */
static volatile LONG Failure_Away[EXAMPLE_FAILURE_KINDS];

_Use_decl_annotations_
NTSTATUS
Failure_Arm(ULONG Kind, ULONG Call)
{
    PAGED_CODE();

    if (Kind >= EXAMPLE_FAILURE_KINDS || Call > MAXLONG) {
        return STATUS_INVALID_PARAMETER;
    }
    (VOID)InterlockedExchange(&Failure_Away[Kind], (LONG)Call);
    return STATUS_SUCCESS;
}

_Use_decl_annotations_
BOOLEAN
Failure_IsDue(ULONG Kind)
{
    PAGED_CODE();
    return Failure_Away[Kind] > 0 && InterlockedDecrement(&Failure_Away[Kind]) == 0;
}
