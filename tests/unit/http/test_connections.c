/* Who may come in, who has to go, and what is said to them. Sockets are real;
 * addresses are made up where only the table looks at them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "server/http/connections.h"
#include "server/http/lingering.h"

#include <cmocka.h>

enum { MAX_PAIRS = 80, PATIENCE_MS = 10000 };

struct pair {
    int ours, theirs;
};

static struct {
    struct config config;
    struct peer_nets trusted;
    struct metrics metrics;
    struct lingering *lingering;
    struct connections *connections;
    struct pair pairs[MAX_PAIRS];
    size_t num_pairs;
} t;

/* The time of the table, which goes on as the tests say, and by a microsecond
 * each time it is asked for: so no test depends on how fast the machine is. The
 * thread that hangs up has the real time. */
static _Thread_local uint64_t test_now_us;

uint64_t clock_now_us(void)
{
    struct timespec now;

    if (test_now_us > 0)
        return test_now_us++;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

double clock_ms_since(uint64_t since_us)
{
    return (double)(clock_now_us() - since_us) / 1000;
}

static void let_pass(uint64_t us)
{
    test_now_us += us;
}

static int set_up(void **state)
{
    struct error err = {0};

    (void)state;
    test_now_us = 1;
    memset(&t, 0, sizeof t);
    config_init(&t.config);
    t.config.max_connections = 3;
    t.lingering = lingering_new(&err);
    t.connections =
        connections_new(&t.config, &t.trusted, &t.metrics, t.lingering, &err);
    return t.lingering && t.connections ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < t.num_pairs; i++) {
        if (t.pairs[i].ours >= 0)
            close(t.pairs[i].ours);
        if (t.pairs[i].theirs >= 0)
            close(t.pairs[i].theirs);
    }
    lingering_free(t.lingering); /* waits for who has not left */
    connections_free(t.connections);
    config_release(&t.config);
    return 0;
}

/* Two ends that nobody has an address of. */
static struct pair *new_pair(void)
{
    struct pair *pair = &t.pairs[t.num_pairs];
    int fds[2];

    assert_true(t.num_pairs < MAX_PAIRS);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    pair->ours = fds[0];
    pair->theirs = fds[1];
    t.num_pairs++;
    return pair;
}

/* Two ends of TCP, for what the kernel says of those only. */
static struct pair *new_tcp_pair(void)
{
    struct pair *pair = new_pair();
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int door = socket(AF_INET, SOCK_STREAM, 0);

    close(pair->ours);
    close(pair->theirs);
    assert_int_equal(bind(door, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(door, 1), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&at, &len), 0);
    pair->theirs = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair->theirs, (struct sockaddr *)&at, len), 0);
    pair->ours = accept(door, NULL, NULL);
    assert_true(pair->ours >= 0);
    close(door);
    return pair;
}

/* QEMU's user mode says four bytes of it. */
static void need_tcp_info(const struct pair *pair)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    if (getsockopt(pair->ours, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len < sizeof info)
        skip();
}

static bool admit_from(const struct pair *pair, const char *address)
{
    struct sockaddr_storage any = {.ss_family = AF_UNIX};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&any;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&any;

    if (address && strchr(address, ':')) {
        v6->sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, address, &v6->sin6_addr), 1);
    } else if (address) {
        v4->sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, address, &v4->sin_addr), 1);
    }
    return connections_admit(t.connections, pair->ours,
                             (struct sockaddr *)&any);
}

/* One that has been taken in. */
static struct pair *admitted(void)
{
    struct pair *pair = new_pair();

    assert_true(admit_from(pair, NULL));
    return pair;
}

/* One that has had an answer, and waits for its next request. */
static struct pair *idle(void)
{
    struct pair *pair = admitted();

    assert_true(
        connections_enter(t.connections, pair->ours, CONNECTIONS_SENDING));
    assert_true(connections_enter(t.connections, pair->ours, CONNECTIONS_IDLE));
    return pair;
}

static void take_out(struct pair *pair)
{
    connections_remove(t.connections, pair->ours);
    close(pair->ours);
    pair->ours = -1;
}

/* What was said to the client until it was hung up on. */
static const char *last_words(const struct pair *pair)
{
    static char text[4096];
    size_t len = 0;
    struct pollfd one = {.fd = pair->theirs, .events = POLLIN};

    for (;;) {
        ssize_t got;

        assert_int_equal(poll(&one, 1, PATIENCE_MS), 1);
        got = recv(pair->theirs, text + len, sizeof text - 1 - len, 0);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    text[len] = '\0';
    return text;
}

/* Refused: lingering.c closes the socket once the client has read why. */
static const char *refusal(struct pair *pair)
{
    pair->ours = -1;
    return last_words(pair);
}

static bool is_open(const struct pair *pair)
{
    struct pollfd one = {.fd = pair->theirs, .events = POLLIN | POLLRDHUP};

    return poll(&one, 1, 0) == 0;
}

static uint64_t rejected(enum metrics_reason reason)
{
    return atomic_load(&t.metrics.rejected[reason]);
}

static uint64_t num_open(void)
{
    return atomic_load(&t.metrics.connections);
}

/* ---- how many ---- */

static void a_connection_has_its_place_until_it_is_removed(void **state)
{
    struct pair *first = admitted();

    (void)state;
    admitted();
    assert_int_equal(num_open(), 2);
    take_out(first);
    assert_int_equal(num_open(), 1);
    connections_remove(t.connections, -1);
    connections_remove(t.connections, 1 << 20);
    assert_int_equal(num_open(), 1);
    assert_int_equal(connections_max(t.connections), 3 + 64);
}

static void a_number_that_is_given_out_again_counts_once(void **state)
{
    struct pair *pair = admitted();

    (void)state;
    /* libmicrohttpd has closed it without a word, and here it is again. */
    assert_true(admit_from(pair, NULL));
    assert_int_equal(num_open(), 1);
    take_out(pair);
    assert_int_equal(num_open(), 0);
}

static void where_all_are_busy_one_more_is_answered_503(void **state)
{
    struct pair *pair;
    const char *text;

    (void)state;
    for (int i = 0; i < 3; i++)
        connections_enter(t.connections, admitted()->ours, CONNECTIONS_BODY);
    pair = new_pair();
    assert_false(admit_from(pair, NULL));
    text = refusal(pair);

    assert_int_equal(strncmp(text, "HTTP/1.1 503 ", 13), 0);
    assert_non_null(strstr(text, "\r\nRetry-After: 1\r\n"));
    assert_non_null(strstr(text, "\"limit\":3"));
    assert_int_equal(rejected(METRICS_CONNECTIONS), 1);
    assert_int_equal(num_open(), 3);
}

static void the_one_that_has_waited_longest_makes_room(void **state)
{
    struct pair *first = idle(), *second = idle(), *third = idle();

    (void)state;
    connections_enter(t.connections, first->ours, CONNECTIONS_HEADERS);
    connections_enter(t.connections, first->ours, CONNECTIONS_IDLE);
    admitted();

    assert_string_equal(last_words(second), "");
    assert_true(is_open(first));
    assert_true(is_open(third));
    assert_int_equal(rejected(METRICS_IDLE_EVICTED), 1);
    assert_int_equal(num_open(), 4); /* it is not closed yet */
    assert_false(
        connections_enter(t.connections, second->ours, CONNECTIONS_HEADERS));
    take_out(second);
    assert_int_equal(num_open(), 3);
}

static void one_whose_request_has_just_arrived_does_not_make_room(void **state)
{
    struct pair *first = idle(), *second = idle();

    (void)state;
    idle();
    assert_int_equal(send(first->theirs, "G", 1, 0), 1);
    admitted();
    assert_true(is_open(first));
    assert_string_equal(last_words(second), "");
}

static void one_that_is_new_has_a_moment_for_its_first_byte(void **state)
{
    struct pair *pair = new_pair();

    (void)state;
    for (int i = 0; i < 3; i++)
        admitted();
    assert_false(admit_from(pair, NULL));
    refusal(pair);
    let_pass(1000000);
    pair = new_pair();
    assert_true(admit_from(pair, NULL));
    assert_string_equal(last_words(&t.pairs[1]), "");
}

static void only_so_many_are_on_their_way_out_at_once(void **state)
{
    struct pair *pair;

    (void)state;
    for (int i = 0; i < 3 + 64; i++)
        idle();
    assert_int_equal(rejected(METRICS_IDLE_EVICTED), 64);
    pair = new_pair();
    assert_false(admit_from(pair, NULL));
    assert_int_equal(strncmp(refusal(pair), "HTTP/1.1 503 ", 13), 0);
    take_out(&t.pairs[0]);
    assert_true(admit_from(new_pair(), NULL));
}

/* ---- whose ---- */

static void one_address_has_so_many(void **state)
{
    struct pair *pair;
    const char *text;

    (void)state;
    t.config.max_connections = 20;
    t.config.max_connections_per_address = 2;
    assert_true(admit_from(new_pair(), "192.0.2.1"));
    assert_true(admit_from(new_pair(), "::ffff:192.0.2.1"));
    pair = new_pair();
    assert_false(admit_from(pair, "192.0.2.1"));
    text = refusal(pair);
    assert_int_equal(strncmp(text, "HTTP/1.1 429 ", 13), 0);
    assert_non_null(strstr(text, "\"limit\":2"));
    assert_true(admit_from(new_pair(), "192.0.2.2"));
    take_out(&t.pairs[0]);
    assert_true(admit_from(new_pair(), "192.0.2.1"));
    assert_int_equal(rejected(METRICS_CONNECTIONS_PER_ADDRESS), 1);
}

static void a_network_of_ipv6_is_one_address(void **state)
{
    struct pair *pair;

    (void)state;
    t.config.max_connections = 20;
    t.config.max_connections_per_address = 1;
    assert_true(admit_from(new_pair(), "2001:db8:0:1::1"));
    assert_true(admit_from(new_pair(), "2001:db8:0:2::1"));
    pair = new_pair();
    assert_false(admit_from(pair, "2001:db8:0:1:ffff::2"));
    refusal(pair);
    /* The same bytes, of another kind of address. */
    assert_true(admit_from(new_pair(), "32.1.13.184"));
}

static void who_speaks_for_many_is_not_counted(void **state)
{
    char network[] = "192.0.2.0/30";
    struct config_list list = {.count = 1};
    struct error err = {0};

    (void)state;
    list.items[0] = network;
    assert_true(peer_nets_parse(&t.trusted, &list, &err));
    t.config.max_connections = 20;
    t.config.max_connections_per_address = 1;
    for (int i = 0; i < 3; i++) {
        assert_true(admit_from(new_pair(), "192.0.2.1"));
        assert_true(admit_from(new_pair(), NULL)); /* through a Unix socket */
    }
    assert_true(admit_from(new_pair(), "192.0.2.4"));
    assert_false(admit_from(new_pair(), "192.0.2.4"));
    refusal(&t.pairs[t.num_pairs - 1]);
}

static void who_was_hung_up_on_is_not_counted(void **state)
{
    (void)state;
    t.config.max_connections = 1;
    t.config.max_connections_per_address = 1;
    assert_true(admit_from(new_pair(), "192.0.2.1"));
    connections_enter(t.connections, t.pairs[0].ours, CONNECTIONS_IDLE);
    assert_true(admit_from(new_pair(), "192.0.2.2"));
    connections_enter(t.connections, t.pairs[1].ours, CONNECTIONS_IDLE);
    assert_true(admit_from(new_pair(), "192.0.2.1"));
}

/* ---- until when ---- */

static void headers_that_are_late_are_told_so(void **state)
{
    struct pair *first, *second;

    (void)state;
    t.config.header_timeout = 0;
    first = admitted();
    assert_int_equal(send(first->theirs, "G", 1, 0), 1);
    second = admitted();
    connections_enter(t.connections, second->ours, CONNECTIONS_HEADERS);
    connections_sweep(t.connections);

    assert_int_equal(strncmp(last_words(first), "HTTP/1.1 408 ", 13), 0);
    assert_int_equal(strncmp(last_words(second), "HTTP/1.1 408 ", 13), 0);
    assert_int_equal(rejected(METRICS_HEADER_TIMEOUT), 2);
    assert_false(
        connections_enter(t.connections, second->ours, CONNECTIONS_BODY));
}

static void the_time_for_headers_begins_with_the_connection(void **state)
{
    struct pair *pair;

    (void)state;
    t.config.header_timeout = 0;
    pair = admitted();
    t.config.header_timeout = 60;
    connections_enter(t.connections, pair->ours, CONNECTIONS_HEADERS);
    connections_sweep(t.connections);
    assert_int_equal(strncmp(last_words(pair), "HTTP/1.1 408 ", 13), 0);
}

static void one_that_has_said_nothing_is_told_nothing(void **state)
{
    struct pair *silent = new_tcp_pair(), *begun = new_tcp_pair();

    (void)state;
    need_tcp_info(silent);
    t.config.header_timeout = 0;
    assert_int_equal(send(begun->theirs, "G", 1, 0), 1);
    assert_true(admit_from(silent, "192.0.2.1"));
    assert_true(admit_from(begun, "192.0.2.1"));
    connections_sweep(t.connections);

    assert_string_equal(last_words(silent), "");
    assert_int_equal(strncmp(last_words(begun), "HTTP/1.1 408 ", 13), 0);
}

static void a_body_that_is_late_is_told_so_after_a_grace(void **state)
{
    struct pair *pair = admitted();
    const char *text;

    (void)state;
    t.config.receive_timeout = 0;
    connections_enter(t.connections, pair->ours, CONNECTIONS_BODY);
    connections_sweep(t.connections);
    assert_true(is_open(pair)); /* the exchange is to say it first */
    t.config.receive_timeout = (uint64_t)-2; /* and with the grace, none */
    connections_enter(t.connections, pair->ours, CONNECTIONS_BODY);
    connections_sweep(t.connections);
    text = last_words(pair);
    assert_int_equal(strncmp(text, "HTTP/1.1 408 ", 13), 0);
    assert_non_null(strstr(text, "the body took longer"));
    assert_int_equal(rejected(METRICS_RECEIVE_TIMEOUT), 1);
}

static void an_answer_that_nobody_reads_is_cut_off(void **state)
{
    struct pair *pair = admitted();

    (void)state;
    t.config.send_timeout = 0;
    connections_enter(t.connections, pair->ours, CONNECTIONS_SENDING);
    assert_int_equal(send(pair->ours, "half", 4, 0), 4);
    connections_sweep(t.connections);
    assert_string_equal(last_words(pair), "half");
    assert_int_equal(rejected(METRICS_SEND_TIMEOUT), 1);
}

static void what_has_time_left_is_left_alone(void **state)
{
    static const enum connections_state states[] = {
        CONNECTIONS_IDLE, CONNECTIONS_HEADERS, CONNECTIONS_BODY,
        CONNECTIONS_SENDING};

    (void)state;
    t.config.max_connections = 10;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        connections_enter(t.connections, admitted()->ours, states[i]);
    /* A job has a deadline of its own, and lingering.c its own clock. */
    t.config.header_timeout = t.config.send_timeout = 0;
    connections_enter(t.connections, admitted()->ours, CONNECTIONS_WORKING);
    connections_enter(t.connections, admitted()->ours, CONNECTIONS_CLOSING);
    connections_sweep(t.connections);
    for (size_t i = 0; i < t.num_pairs; i++)
        assert_true(is_open(&t.pairs[i]));
}

/* ---- who has gone ---- */

static struct pair *working(bool interim)
{
    struct pair *pair = new_tcp_pair();

    assert_true(admit_from(pair, "192.0.2.1"));
    assert_true(connections_enter_work(t.connections, pair->ours, interim));
    return pair;
}

/* Waits until what the other side has done is here: POLLIN for what it sent,
 * POLLRDHUP for its end. */
static void await(const struct pair *pair, short event)
{
    struct pollfd one = {.fd = pair->ours, .events = event};

    assert_int_equal(poll(&one, 1, PATIENCE_MS), 1);
}

static void leave(struct pair *pair, bool reset)
{
    struct linger linger = {.l_onoff = 1};

    if (reset)
        setsockopt(pair->theirs, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(pair->theirs);
    pair->theirs = -1;
    await(pair, POLLRDHUP);
}

static void who_waits_is_there(void **state)
{
    (void)state;
    assert_false(connections_is_cancelled(t.connections, working(true)->ours));
}

static void who_has_reset_the_connection_is_gone(void **state)
{
    struct pair *pair = working(false);

    (void)state;
    leave(pair, true);
    assert_true(connections_is_cancelled(t.connections, pair->ours));
}

static void who_has_closed_the_socket_objects_to_an_interim_answer(void **state)
{
    struct pair *pair = working(true);

    (void)state;
    leave(pair, false);
    assert_true(connections_is_cancelled(t.connections, pair->ours));
}

static void of_who_knows_no_interim_answers_nothing_is_known(void **state)
{
    struct pair *pair = working(false);

    (void)state;
    leave(pair, false);
    assert_false(connections_is_cancelled(t.connections, pair->ours));
}

static void who_has_shut_one_half_down_is_asked_once_and_is_there(void **state)
{
    static const char interim[] = "HTTP/1.1 102 Processing\r\n\r\n";
    struct pair *pair = working(true);
    char text[100] = "";

    (void)state;
    shutdown(pair->theirs, SHUT_WR);
    await(pair, POLLRDHUP);
    connections_sweep(t.connections); /* asks too, while it waits */
    assert_false(connections_is_cancelled(t.connections, pair->ours));
    assert_false(connections_is_cancelled(t.connections, pair->ours));
    assert_int_equal(recv(pair->theirs, text, sizeof text - 1, 0),
                     sizeof interim - 1);
    assert_string_equal(text, interim);
}

static void nobody_is_asked_in_the_middle_of_an_answer(void **state)
{
    struct pair *pair = working(true);
    char byte;

    (void)state;
    assert_true(
        connections_enter(t.connections, pair->ours, CONNECTIONS_STREAMING));
    shutdown(pair->theirs, SHUT_WR);
    await(pair, POLLRDHUP);
    connections_sweep(t.connections);
    assert_false(connections_is_cancelled(t.connections, pair->ours));
    assert_int_equal(recv(pair->theirs, &byte, 1, MSG_DONTWAIT), -1);
    assert_true(connections_drain(t.connections)); /* it is waited for */
    leave(pair, true);
    assert_true(connections_is_cancelled(t.connections, pair->ours));
}

/* ---- life ---- */

static void too_few_files_are_an_error_that_says_how_many(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0) {
        struct rlimit limit = {100, 100};
        struct error err = {0};
        bool ok = setrlimit(RLIMIT_NOFILE, &limit) == 0 &&
                  !connections_new(&t.config, &t.trusted, &t.metrics,
                                   t.lingering, &err) &&
                  err.kind == ERROR_IO && strstr(err.text, "323") &&
                  strstr(err.text, "100");

        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- the end ---- */

/* Whether more may still come in by it. */
static bool is_read_from(const struct pair *pair)
{
    char byte;

    return recv(pair->ours, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

static void the_idle_are_closed_once_nobody_has_a_request(void **state)
{
    struct pair *first = idle(), *busy = idle();

    (void)state;
    connections_enter(t.connections, busy->ours, CONNECTIONS_HEADERS);
    assert_true(connections_drain(t.connections));
    assert_true(is_read_from(first));
    take_out(busy);
    assert_true(connections_drain(t.connections));
    assert_false(is_read_from(first));
    /* What was read just before is still answered. */
    assert_true(
        connections_enter(t.connections, first->ours, CONNECTIONS_HEADERS));
    assert_true(connections_drain(t.connections));
    assert_true(
        connections_enter(t.connections, first->ours, CONNECTIONS_SENDING));
    assert_int_equal(send(first->ours, "x", 1, MSG_NOSIGNAL), 1);
    take_out(first);
    assert_false(connections_drain(t.connections));
}

static void an_idle_one_that_has_sent_something_is_waited_for(void **state)
{
    struct pair *asked = idle(), *other = idle();
    char byte;

    (void)state;
    assert_int_equal(send(asked->theirs, "x", 1, MSG_NOSIGNAL), 1);
    assert_true(connections_drain(t.connections));
    assert_true(is_read_from(other));
    assert_int_equal(recv(asked->ours, &byte, 1, 0), 1);
    assert_true(connections_drain(t.connections));
    assert_false(is_read_from(asked));
    assert_false(is_read_from(other));
}

static void a_new_one_has_a_second_and_so_has_its_end(void **state)
{
    struct pair *pair = admitted();

    (void)state;
    assert_true(connections_drain(t.connections));
    assert_true(is_read_from(pair));
    let_pass(1000000);
    assert_true(connections_drain(t.connections));
    assert_false(is_read_from(pair));
    let_pass(1000000);
    assert_false(connections_drain(t.connections)); /* nobody closed it */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_has_its_place_until_it_is_removed),
        TEST(a_number_that_is_given_out_again_counts_once),
        TEST(where_all_are_busy_one_more_is_answered_503),
        TEST(the_one_that_has_waited_longest_makes_room),
        TEST(one_whose_request_has_just_arrived_does_not_make_room),
        TEST(one_that_is_new_has_a_moment_for_its_first_byte),
        TEST(only_so_many_are_on_their_way_out_at_once),
        TEST(one_address_has_so_many),
        TEST(a_network_of_ipv6_is_one_address),
        TEST(who_speaks_for_many_is_not_counted),
        TEST(who_was_hung_up_on_is_not_counted),
        TEST(headers_that_are_late_are_told_so),
        TEST(the_time_for_headers_begins_with_the_connection),
        TEST(one_that_has_said_nothing_is_told_nothing),
        TEST(a_body_that_is_late_is_told_so_after_a_grace),
        TEST(an_answer_that_nobody_reads_is_cut_off),
        TEST(what_has_time_left_is_left_alone),
        TEST(who_waits_is_there),
        TEST(who_has_reset_the_connection_is_gone),
        TEST(who_has_closed_the_socket_objects_to_an_interim_answer),
        TEST(of_who_knows_no_interim_answers_nothing_is_known),
        TEST(who_has_shut_one_half_down_is_asked_once_and_is_there),
        TEST(nobody_is_asked_in_the_middle_of_an_answer),
        TEST(too_few_files_are_an_error_that_says_how_many),
        TEST(the_idle_are_closed_once_nobody_has_a_request),
        TEST(an_idle_one_that_has_sent_something_is_waited_for),
        TEST(a_new_one_has_a_second_and_so_has_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
