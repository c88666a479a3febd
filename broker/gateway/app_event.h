/*
 * Events of a site's own from its clients (a game's moves, say): those that the operator has listed
 * in app.events are passed on to the site's backend over MQTT, as {user, room, data} on
 * parley/v1/app/{event}. Here is checked who sends them, that it is in the room it names, and how
 * often; what they mean is the backend's business.
 */
#ifndef PARLEY_GATEWAY_APP_EVENT_H
#define PARLEY_GATEWAY_APP_EVENT_H

#include "broker/gateway/client.h"

struct app_events;

/* Owned by the caller. Names that cannot be used are logged and left out. */
struct app_events *app_events_new(const struct conf *conf);
/* Names and limit have changed in the settings. */
void app_events_reload(struct app_events *events, const struct conf *conf);
void app_events_free(struct app_events *events); /* takes NULL */

/* False: it is none of them. */
bool app_event_take(struct client *client, const struct sio_event *event);

#endif
