/* What a subcommand prints, built in both forms side by side: as text and as one JSON object. */
#ifndef PARLEY_CTL_OUTPUT_H
#define PARLEY_CTL_OUTPUT_H

#include "shared/base/json_write.h"
#include "shared/ctl/ctl.h"

struct output {
    struct buf json;
    struct buf text;
    struct json_writer w; /* into json; its outermost object is open */
};

/* Empty; to be ended in any case. */
void output_init(struct output *out);

/* Print the form that was asked for, unless `err`; free both. What the program ends with. */
enum ctl_exit output_end(struct ctl *ctl, struct output *out, enum err err);

#endif
