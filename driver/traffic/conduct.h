/* The operations that the conductor performs: service and sleep, and those on an actor: kill, wait, type, barrier. */
#pragma once

#include "lane.h"

void conduct(struct lane *lane, const struct op *op, struct outcome *outcome);
