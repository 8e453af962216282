//! The program from outside: what it prints, what it writes, and how it ends.
mod captures;
mod decode;
mod encode;
mod packets;
mod pcap;
mod program;
mod said;
mod story;
mod tap;
mod tshark;
mod wire;
mod wireshark;
