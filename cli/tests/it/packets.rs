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
        .failed("mig33: there is no packet \"NO_SUCH\"; `mig33 packets` lists them\n");
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
