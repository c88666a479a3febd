/* json-c's opinion, behind a wall: its names and those of our own JSON headers clash. */
#ifndef PARLEY_TESTS_JSON_PEER_H
#define PARLEY_TESTS_JSON_PEER_H

#include "shared/base/span.h"

/* Does json-c parse `text` (no white space in front)? -1: no; else the number of elements if it is
 * an array, and 0 if it is anything else. */
long json_peer_elements(struct span text, int max_depth);

#endif
