/* /healthz: the process answers. /readyz: PostgreSQL and MQTT do, too: something really goes
 * through each, each time (through MQTT once a second at most). */
#include "fcgi/resources.h"

#include "shared/base/clock.h"

#define PROBE_MS 2000

void health_live(struct call *call)
{
    buf_add_str(&call->response->body, "{\"status\":\"ok\"}");
}

void health_ready(struct call *call)
{
    db_set_deadline(call->db, clock_mono_ms() + PROBE_MS);
    bool postgres = chat_ping(call->db) == ERR_OK;
    bool mqtt = mqtt_probe(call->app->mqtt, PROBE_MS);

    if (postgres && mqtt) {
        buf_add_str(&call->response->body, "{\"status\":\"ready\"}");
        return;
    }
    const char *detail = postgres ? "MQTT cannot be reached."
                         : mqtt   ? "PostgreSQL cannot be reached."
                                  : "PostgreSQL and MQTT cannot be reached.";
    response_problem(call->response, &(struct problem){.err = ERR_UNAVAILABLE, .detail = detail});
}
