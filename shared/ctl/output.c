/* A subcommand's output, see output.h. */
#include "shared/ctl/output.h"

#define OUTPUT_MAX ((size_t)1 << 32)

void output_init(struct output *out)
{
    buf_init(&out->json, OUTPUT_MAX);
    buf_init(&out->text, OUTPUT_MAX);
    json_begin(&out->w, &out->json);
    json_object(&out->w, NULL);
}

enum ctl_exit output_end(struct ctl *ctl, struct output *out, enum err err)
{
    json_object_end(&out->w);
    if (!err)
        ctl_print(ctl, &out->json, &out->text);
    buf_release(&out->json);
    buf_release(&out->text);
    return err ? ctl_failed(err, ctl->name ? ctl->name : "reading") : CTL_OK;
}
