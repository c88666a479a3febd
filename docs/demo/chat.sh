#!/bin/sh
# TOKEN=... ./chat.sh USER ROOM MQTT_HOST MQTT_PORT [URL]: says each line of standard input, prints what is said. Needs
# curl, jq and mosquitto_sub. USER is a member of ROOM; host and port are where devices connect.
user=$1 room=$2 url=${5:-http://localhost:3000}
api() { curl -sf -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; }
topic=$(api "$url/api/v1/channels/$room" | jq -r .topic)
mosquitto_sub -V 5 -h "$3" -p "$4" -u "$user" -P "$TOKEN" -t "$topic" |
    jq --unbuffered -r 'select(.[0] == "newMessage") | .[1] | "\(.sender // "*"): \(.text)"' &
while read -r text; do
    jq -n --arg text "$text" '{$text}' | api -o /dev/null -d @- "$url/api/v1/channels/$room/messages"
done
wait
