/* Who asks: networks, addresses as proxies write them, chains of proxies, and
 * the traces that requests belong to. */

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "server/http/peer.h"
#include "server/observe/log.h"
#include "server/observe/trace.h"

#include <cmocka.h>

static struct peer peer_at(const char *text)
{
    struct peer peer;

    assert_true(peer_parse(&peer, text, strlen(text)));
    return peer;
}

static struct peer_nets nets_of(const char *first, const char *second)
{
    struct config_list list = {.items = {first, second}, .count = 2};
    struct peer_nets nets;

    assert_true(peer_nets_parse(&nets, &list, NULL));
    return nets;
}

static void a_network_has_the_addresses_of_its_prefix(void **state)
{
    static const struct {
        const char *net, *address;
        bool in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"10.0.0.0/8", "::10.1.2.3", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::1", true},
        {"::ffff:10.0.0.0/104", "10.9.9.9", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer_nets nets = nets_of(cases[i].net, "unix");
        struct peer peer = peer_at(cases[i].address);

        assert_int_equal(peer_is_in(&peer, &nets), cases[i].in);
    }
}

static void what_is_no_network_is_refused_by_name(void **state)
{
    static const char *const texts[] = {
        "",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/8x",
        "10.0.0.1/8",
        "10.0.0/8",
        "::/129",
        "localhost",
        "10.0.0.0/-1",
        "[::1]",
        "fe80::1%1",
        "/8",
        "10.0.0.0/0008",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct config_list list = {.items = {texts[i]}, .count = 1};
        struct peer_nets nets;
        struct error err = {0};

        assert_false(peer_nets_parse(&nets, &list, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, texts[i]));
    }
}

static void an_address_may_have_a_port_and_spaces(void **state)
{
    static const char *const right[][2] = {
        {"192.0.2.1", "192.0.2.1"},           {" 192.0.2.1:80\t", "192.0.2.1"},
        {"[2001:db8::1]:443", "2001:db8::1"}, {"[2001:db8::1]", "2001:db8::1"},
        {"2001:DB8::1", "2001:db8::1"},       {"::ffff:1.2.3.4", "1.2.3.4"},
    };
    static const char *const wrong[] = {
        "",
        " ",
        "unknown",
        "_hidden",
        "1.2.3",
        "1.2.3.4.5",
        "[::1",
        "::1]",
        "1.2.3.4\nx",
        "[[::1]]",
        "-",
        "a\"b",
        "for=1.2.3.4",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee",
    };
    char name[PEER_NAME_SIZE];
    struct peer peer;

    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        peer = peer_at(right[i][0]);
        peer_name(name, &peer);
        assert_string_equal(name, right[i][1]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(peer_parse(&peer, wrong[i], strlen(wrong[i])));
    assert_false(peer_parse(&peer, "1.2.3.4\0.5", 10));
    peer_name(name, &peer);
    assert_string_equal(name, "-");
}

static void the_client_is_the_rightmost_who_is_not_trusted(void **state)
{
    static const struct {
        const char *peer, *forwarded, *client;
    } cases[] = {
        {"203.0.113.7", "1.1.1.1",
         "203.0.113.7"}, /* not from a proxy of ours */
        {"10.0.0.1", NULL, "10.0.0.1"},
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.4", "198.51.100.4"},
        {"10.0.0.1", "6.6.6.6, 198.51.100.4", "198.51.100.4"},
        {"10.0.0.1", "6.6.6.6, 198.51.100.4, 10.0.0.2", "198.51.100.4"},
        {"10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"},
        {"10.0.0.1", "6.6.6.6,unknown", "10.0.0.1"},
        {"10.0.0.1", "6.6.6.6,,10.0.0.2", "10.0.0.2"},
        {"10.0.0.1", "6.6.6.6,", "10.0.0.1"},
        {"::1", "[2001:db8::9]:1234", "2001:db8::9"},
    };
    struct peer_nets trusted = nets_of("10.0.0.0/8", "::1");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer peer = peer_at(cases[i].peer), client;
        char name[PEER_NAME_SIZE];

        peer_client(&client, &peer, cases[i].forwarded, &trusted);
        peer_name(name, &client);
        assert_string_equal(name, cases[i].client);
    }
}

static void a_unix_socket_is_trusted_only_where_it_is_named(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct peer_nets none = {0}, trusted = nets_of("unix", "10.0.0.0/8");
    struct peer peer, client;
    char name[PEER_NAME_SIZE];

    (void)state;
    peer_of_socket(&peer, (struct sockaddr *)&address);
    peer_client(&client, &peer, "192.0.2.1", &none);
    peer_name(name, &client);
    assert_string_equal(name, "unix");
    peer_client(&client, &peer, "192.0.2.1", &trusted);
    peer_name(name, &client);
    assert_string_equal(name, "192.0.2.1");
    peer_of_socket(&peer, NULL);
    assert_false(peer_is_in(&peer, &trusted));
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define ZEROS "00000000000000000000000000000000"

static void a_traceparent_is_read_or_there_is_no_trace(void **state)
{
    static const char *const right[] = {
        "00-" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "-ff",
        "cc-" TRACE "-" SPAN "-01",
        "cc-" TRACE "-" SPAN "-01-what-is-to-come",
    };
    static const char *const wrong[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-0",
        "00-" TRACE "-" SPAN "-0x",
        "00-" TRACE "-" SPAN "-01-more",
        "00-" TRACE "-" SPAN "-01 ",
        "cc-" TRACE "-" SPAN "-01x",
        "ff-" TRACE "-" SPAN "-01",
        "0-" TRACE "-" SPAN "-001",
        "00-" ZEROS "-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00_" TRACE "-" SPAN "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47\"6-" SPAN "-01",
    };
    struct trace trace;

    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(trace_parse(&trace, right[i]));
        assert_string_equal(trace.trace_id, TRACE);
        assert_string_equal(trace.span_id, SPAN);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(trace_parse(&trace, wrong[i]));
        assert_string_equal(trace.trace_id, "");
    }
}

static void a_log_line_has_what_is_known_of_the_request(void **state)
{
    struct trace trace = {.trace_id = TRACE, .span_id = SPAN};
    struct stages stages = {.ms = {0.5, 2, 1, 20, 3}, .count = STAGES_COUNT};
    struct log_entry entry = {.method = "POST",
                              .path = "/cam",
                              .id = "7",
                              .client = "192.0.2.1",
                              .problem = "busy",
                              .trace = &trace,
                              .stages = &stages,
                              .status = 503,
                              .received = 99,
                              .bytes = 12,
                              .ms = 30};
    char line[LOG_LINE_SIZE];

    (void)state;
    log_format(line, CONFIG_LOG_TEXT, &entry);
    assert_non_null(strstr(line, " POST /cam 503 12 30.0ms client=192.0.2.1 "
                                 "received=99 problem=busy trace=" TRACE
                                 " span=" SPAN " id=7\n"));
    log_format(line, CONFIG_LOG_JSON, &entry);
    assert_non_null(
        strstr(line, ",\"client\":\"192.0.2.1\",\"received\":99,"
                     "\"problem\":\"busy\",\"trace_id\":\"" TRACE
                     "\",\"parent_span_id\":\"" SPAN "\",\"stages_ms\":"
                     "{\"queue\":0.50,\"decode\":2.00,\"preprocess\":1.00,"
                     "\"infer\":20.00,\"render\":3.00}}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_has_the_addresses_of_its_prefix),
        cmocka_unit_test(what_is_no_network_is_refused_by_name),
        cmocka_unit_test(an_address_may_have_a_port_and_spaces),
        cmocka_unit_test(the_client_is_the_rightmost_who_is_not_trusted),
        cmocka_unit_test(a_unix_socket_is_trusted_only_where_it_is_named),
        cmocka_unit_test(a_traceparent_is_read_or_there_is_no_trace),
        cmocka_unit_test(a_log_line_has_what_is_known_of_the_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
