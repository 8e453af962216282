//! `mig33 packets`: the catalogue as a page.
use mig33_codec::{catalogue, other_commands, value_sets};

use crate::program::run;

#[test]
fn one_packet_is_looked_up_by_any_of_its_names() {
    let expected = "\
PRESENCE (404), server to client; CLIST_STATUS_CHANGE in the protocol article
  A contact's presence has changed.
  block  field                         type          values
      1  contact_id                    u32
      2  presence                      u8            Presence
      3  msn_presence                  u8            Presence
      4  aim_presence                  u8            Presence
      5  yahoo_presence                u8            Presence
      6  icq_presence                  u8            Presence
      7  gtalk_presence                u8            Presence
      8  facebook_presence             u8            Presence
      9  im_type_list                  u8_array
     10  im_presence_list              u8_array

Presence
      1  AVAILABLE
      2  ROAMING
      3  BUSY
      4  AWAY
     99  OFFLINE
";
    for name in ["PRESENCE", "presence", "404", "clist_status_change"] {
        assert_eq!(run(&["packets", name]).well().text(), expected, "{name}");
    }
    run(&["packets", "NO_SUCH"])
        .failed("mig33: there is no packet \"NO_SUCH\"; `mig33 packets --list` lists them\n");
    run(&["packets", "logn"]).failed("mig33: there is no packet \"logn\"; did you mean LOGIN?\n");
}

#[test]
fn a_list_has_a_line_a_packet() {
    let list = run(&["packets", "--list"]);
    let lines: Vec<_> = list.well().text().lines().collect();
    assert_eq!(lines.len(), catalogue().len() + other_commands().len());
    assert!(
        lines.contains(&"  200  LOGIN                             client to server"),
        "{lines:?}"
    );
    assert!(lines.contains(&"  903  RECHARGE                          a service beside the chat"));
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_told() {
    for args in [&["packets"][..], &["decode", crate::program::LOGIN_HEX]] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let ended: crate::program::Ended =
            crate::program::mig33(args).stdout(full).output().unwrap().into();
        ended.failed("mig33: standard output: No space left on device (os error 28)\n");
    }
}

#[test]
fn the_page_in_docs_is_not_stale() {
    let page = include_str!("../../../docs/packets.md");
    let now = run(&["packets", "--markdown"]);
    assert!(now.well().text() == page, "docs/packets.md is stale: `cargo xtask docs` writes it");
}

#[test]
fn all_packets_fields_and_values_are_listed() {
    for args in [&["packets"][..], &["packets", "--markdown"]] {
        let page = run(args);
        let page = page.well().text();
        for packet in catalogue() {
            assert!(page.contains(&packet.command.to_string()), "{}", packet.name);
            for field in packet.fields {
                assert!(page.contains(field.name), "{}.{}", packet.name, field.name);
            }
        }
        for (name, number) in value_sets().iter().flat_map(|set| set.entries) {
            assert!(page.lines().any(|l| l.contains(name) && l.contains(&number.to_string())));
        }
        for (number, name) in other_commands() {
            assert!(page.lines().any(|l| l.contains(name) && l.contains(&number.to_string())));
        }
    }
}
