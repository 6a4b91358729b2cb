/*
 * What the driver asks of Windows 8 and later, by the means of Windows Server 2003: for ReactOS, which has no more. The
 * compiler is told to include this before every source.
 */
#pragma once

/* There all pool is executable, and so is every mapping. */
#define EXAMPLE_POOL2
#define ExAllocatePool2(flags, length, tag) ExAllocatePoolWithTag(NonPagedPool, length, tag)
#define MdlMappingNoExecute 0
