/*
 * Calls that fail on request, in the fault build only: what no test can make fail from outside, and what the driver has
 * to bear all the same. In every other build nothing of this is compiled in.
 */
#pragma once

#if EXAMPLE_FAULTS

/* Lets a later call of this kind fail, the first of them if Call is 1. STATUS_INVALID_PARAMETER for an unknown kind. */
_Must_inspect_result_
EXAMPLE_PAGED NTSTATUS Failure_Arm(_In_ ULONG Kind, _In_ ULONG Call);

/* To be asked in each call: is it the one? */
_Must_inspect_result_
EXAMPLE_PAGED BOOLEAN Failure_IsDue(_In_ ULONG Kind);

#else

#define Failure_IsDue(Kind) FALSE

#endif
