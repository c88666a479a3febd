# shellcheck shell=bash
# ./dev up --demo: three users and a channel to play with, made the way any client would.

DEMO_PASSWORD=parley-demo
DEMO_USERS=(alice bob carol)

# demo_call METHOD PATH BODY [TOKEN]: the body of the answer in REPLY. Dies unless the answer is 2xx
# or 409 (it was done by an earlier up).
demo_call()
{
    local answer status

    answer=$(curl -s -m 10 -X "$1" -w '\n%{http_code}' -H 'Content-Type: application/json' \
        ${4:+-H "Authorization: Bearer $4"} -d "$3" "http://127.0.0.1:$HTTP_PORT/api/v1$2")
    status=${answer##*$'\n'}
    REPLY=${answer%$'\n'*}
    [[ $status == 2?? || $status == 409 ]] || die "--demo: $1 $2 was answered $status: $REPLY"
}

demo_token()
{
    demo_call POST /auth/login "{\"username\":\"$1\",\"password\":\"$DEMO_PASSWORD\"}"
    DEMO_TOKEN=$(sed -n 's/.*"accessToken": *"\([^"]*\)".*/\1/p' <<<"$REPLY")
    [ -n "$DEMO_TOKEN" ] || die "--demo: no token for $1"
}

up_demo()
{
    local name

    for name in "${DEMO_USERS[@]}"; do
        demo_call POST /auth/signup "{\"username\":\"$name\",\"password\":\"$DEMO_PASSWORD\"}"
        demo_token "$name"
        demo_call POST /channels '{"name":"lobby","status":"PUBLIC"}' "$DEMO_TOKEN"
        demo_call PUT /channels/lobby/members/me '{}' "$DEMO_TOKEN"
    done
}

up_demo_print()
{
    echo "  to play with   users ${DEMO_USERS[*]}, password $DEMO_PASSWORD, channel lobby"
}
