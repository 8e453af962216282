//! Wireshark with our dissector, and `mig33 decode`: two readers that share the table and no code, and have to agree.
use std::fs;
use std::path::Path;

use crate::pcap::{FileKind, Link, Session, capture};
use crate::program::run;
use crate::said::{Said, from_json};
use crate::tshark::{DISSECTOR, packets};
use crate::wire;

/// A session of two handsets with the server, recorded by tcpdump; session.md beside it tells more.
const SESSION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/captures/session.pcap");
const SHOW_SECRETS: [&str; 2] = ["-o", "mig33.show_secrets:TRUE"];

#[test]
fn the_dissector_in_docs_is_not_stale() {
    let there = fs::read_to_string(DISSECTOR).expect("the dissector");
    let now = run(&["packets", "--wireshark"]);
    assert!(now.well().text() == there, "{DISSECTOR} is stale: `cargo xtask docs` writes it");
}

#[test]
fn both_readers_say_the_same_of_a_session() {
    let ours = from_json(run(&["decode", "--json", SESSION]).well().text());
    assert_eq!(ours.len(), 81);
    agree(&ours, &packets(Path::new(DISSECTOR), Path::new(SESSION), &[]));

    let ours = from_json(run(&["decode", "--json", "--show-secrets", SESSION]).well().text());
    agree(&ours, &packets(Path::new(DISSECTOR), Path::new(SESSION), &SHOW_SECRETS));
}

#[test]
fn both_readers_say_the_same_of_every_kind_of_packet() {
    let bytes: Vec<u8> = wire::one_of_each().iter().flat_map(|frame| frame.to_bytes()).collect();
    // one segment with all of it, and many that end anywhere
    for step in [bytes.len(), 1_000, 333] {
        let mut session = Session::new(false);
        session.open();
        // so that both know who the client is
        session.client(&wire::client_side());
        bytes.chunks(step).for_each(|part| session.server(part));
        session.close();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("each.pcap");
        fs::write(&file, capture(FileKind::PcapLittle, Link::Ethernet, &session.records))
            .expect("a file");
        let path = file.to_str().expect("a plain path");
        // what does not fit is said by both, and makes the program end with 1
        let ours = run(&["decode", "--json", path]);
        agree(&from_json(ours.text()), &packets(Path::new(DISSECTOR), &file, &[]));
        let ours = run(&["decode", "--json", "--show-secrets", path]);
        agree(&from_json(ours.text()), &packets(Path::new(DISSECTOR), &file, &SHOW_SECRETS));
    }
}

#[track_caller]
fn agree(ours: &[Said], theirs: &[Said]) {
    assert!(!ours.is_empty());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.fields.len(), theirs.fields.len(), "{ours:?}\n{theirs:?}");
        for (field, their_field) in ours.fields.iter().zip(&theirs.fields) {
            assert_eq!(field, their_field, "in {:?} at byte {}", ours.name, ours.offset);
        }
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}
