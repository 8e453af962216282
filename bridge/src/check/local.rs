//! What can be seen of the settings on this machine: files, folders, and settings that do not go together.
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[cfg(feature = "embedded")]
use mig33_server::store::sqlite::{SqliteStore, Standing};
#[cfg(feature = "embedded")]
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::process::{Resource, geteuid, getrlimit};

use super::Report;
use crate::address::Address;
use crate::log;
use crate::open_files::Needed;
use crate::settings::Settings;
use crate::tls;
use crate::traces;
use crate::upstream::UpstreamSetting;

/// Puts what is found into the report.
pub(super) fn look(settings: &Settings, report: &mut Report) {
    if let Err(error) = log::filter(&settings.log) {
        report.problems.push(format!("log: {error}"));
    }
    if let Err(error) = tls::Offer::of(settings) {
        report.problems.push(error.to_string());
    }
    if settings.upstream.needs_tls()
        && let Err(error) = tls::connector(settings.upstream_ca.as_deref())
    {
        report.problems.push(error.to_string());
    }
    if let Err(error) = traces::check(&settings.otlp) {
        report.problems.push(error.to_string());
    }
    if settings.upstream == UpstreamSetting::Embedded {
        embedded(settings, report);
    }
    readable(settings, report);
    together(settings, report);
}

#[cfg(feature = "embedded")]
fn embedded(settings: &Settings, report: &mut Report) {
    let database = match settings.server.database_file() {
        Ok(database) => database,
        Err(error) => return report.problems.push(error.to_string()),
    };
    report.doubts.extend(settings.server.limits.doubts().into_iter().map(str::to_owned));
    let key = mig33_server::Settings::key_file(&database);
    for folder in
        [Some(settings.server.data_dir.as_path()), database.parent()].into_iter().flatten()
    {
        if let Some(problem) = unusable(folder) {
            report.problems.push(problem);
        }
    }
    if database.exists() && !key.exists() {
        report.problems.push(format!(
            "{} is there and its key file {} is not: nobody could log in. Put back the key file",
            database.display(),
            key.display()
        ));
    }
    for file in [&database, &key] {
        if file.exists() && !can(file, Access::READ_OK | Access::WRITE_OK) {
            report
                .problems
                .push(format!("{} cannot be read and written by this user", file.display()));
        }
    }
    if can(&database, Access::READ_OK) {
        schema(&database, report);
    }
}

/// Whether this program can use the database, and whether the one from before can after it.
#[cfg(feature = "embedded")]
fn schema(database: &Path, report: &mut Report) {
    let examined = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(SqliteStore::examine(database)));
    match examined {
        Ok(Ok(Standing::Older { found, known, oldest })) if oldest > found => {
            report.notes.push(format!(
                "the first start brings the database {} from schema {found} to {known}, and programs older than this one \
                 cannot use it then: going back takes a backup from before",
                database.display()
            ));
        }
        Ok(Ok(Standing::Older { found, known, oldest: _ })) => report.notes.push(format!(
            "the first start brings the database {} from schema {found} to {known}, which the program from before can use, \
             too",
            database.display()
        )),
        Ok(Ok(Standing::Newer { found, known })) => report.notes.push(format!(
            "a newer version has brought the database {} to schema {found}; this one knows schemas up to {known} and can \
             use it, too",
            database.display()
        )),
        Ok(Ok(Standing::New | Standing::Same)) => {}
        Ok(Err(error)) => report.problems.push(error.to_string()),
        Err(error) => report.problems.push(error.to_string()),
    }
}

#[cfg(not(feature = "embedded"))]
fn embedded(_settings: &Settings, report: &mut Report) {
    report.problems.push(crate::bridge::StartError::NotEmbedded.to_string());
}

/// What is wrong with a folder that is to be written: it, or the nearest one above it that exists.
#[cfg(feature = "embedded")]
fn unusable(folder: &Path) -> Option<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let there = folder
        .ancestors()
        .map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above })
        .find(|above| above.exists())?;
    if !there.is_dir() {
        return Some(format!("{} is no folder", there.display()));
    }
    let may = can(there, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
    let what = if there == folder { "written" } else { "made" };
    (!may).then(|| {
        format!(
            "the folder {} cannot be {what}: this user may not write {}",
            folder.display(),
            there.display()
        )
    })
}

/// Whether the user that this program runs as may do that.
#[cfg(feature = "embedded")]
fn can(path: &Path, access: Access) -> bool {
    accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}

/// That the program, which is hardly ever root, may read what root sees: a check is easily made as root.
fn readable(settings: &Settings, report: &mut Report) {
    if !geteuid().is_root() {
        return;
    }
    for file in [&settings.tls_cert, &settings.tls_key].into_iter().flatten() {
        if only_owner_reads(file) {
            report.doubts.push(format!(
                "{} can be read by its owner only: as a service this program runs as another user",
                file.display()
            ));
        }
    }
}

fn only_owner_reads(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o044 == 0)
}

/// Settings that are good each, and not what somebody wants together.
fn together(settings: &Settings, report: &mut Report) {
    let mut doubt = |text: String| report.doubts.push(text);
    if settings.proxy_protocol && settings.trusted_proxy.is_empty() {
        doubt("proxy_protocol does nothing without trusted_proxy".to_owned());
    }
    for network in &settings.trusted_proxy {
        if network.to_string().ends_with("/0") {
            doubt(format!(
                "trusted_proxy {network} lets everybody say that they are somebody else"
            ));
        }
    }
    if !is_loopback(&settings.admin_listen) {
        doubt(format!(
            "admin_listen {} can be reached from elsewhere: it tells its figures to anybody who asks",
            settings.admin_listen
        ));
    }
    if settings.tls_cert.is_none() && !is_loopback(&settings.listen) {
        doubt(format!("listen {} is open to others without TLS", settings.listen));
    }
    descriptors(settings, report);
}

/// That there may be as many open files as the connections need. The program raises the limit to what it may.
fn descriptors(settings: &Settings, report: &mut Report) {
    let may = getrlimit(Resource::Nofile).maximum;
    if let Some(few) = may.and_then(|may| Needed::of(settings).against(may)) {
        report.doubts.push(few.to_string());
    }
}

fn is_loopback(address: &Address) -> bool {
    let host = address.host();
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_a_group_may_read_is_not_its_owners_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, is_private) in [(0o600, true), (0o640, false), (0o644, false), (0o620, true)] {
            file.as_file().set_permissions(fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(only_owner_reads(file.path()), is_private, "{mode:o}");
        }
        assert!(!only_owner_reads(Path::new("/nowhere/key.pem")), "that is another problem");
    }

    fn report(settings: &Settings) -> Report {
        let mut report = Report::default();
        look(settings, &mut report);
        report
    }

    fn servers() -> Settings {
        Settings { upstream: "127.0.0.1:1".parse().unwrap(), ..Settings::default() }
    }

    #[test]
    fn what_keeps_it_from_starting_is_a_problem() {
        let bad = [
            (Settings { log: "==".to_owned(), ..servers() }, "=="),
            (Settings { tls_cert: Some("/nowhere/cert.pem".into()), ..servers() }, "--tls-key"),
            (
                Settings {
                    tls_cert: Some("/nowhere/cert.pem".into()),
                    tls_key: Some("/nowhere/key.pem".into()),
                    ..servers()
                },
                "/nowhere/cert.pem",
            ),
            (
                Settings {
                    upstream: "tls://127.0.0.1:1".parse().unwrap(),
                    upstream_ca: Some("/nowhere/ca.pem".into()),
                    ..servers()
                },
                "/nowhere/ca.pem",
            ),
        ];
        for (settings, part) in bad {
            let found = report(&settings).problems;
            assert!(matches!(&found[..], [one] if one.contains(part)), "{part}: {found:?}");
        }
        assert_eq!(report(&servers()).problems, Vec::<String>::new());
    }

    #[test]
    fn what_is_probably_not_meant_is_a_doubt() {
        let odd = [
            (Settings { proxy_protocol: true, ..servers() }, "trusted_proxy"),
            (
                Settings { trusted_proxy: vec!["0.0.0.0/0".parse().unwrap()], ..servers() },
                "0.0.0.0/0",
            ),
            (
                Settings { admin_listen: "0.0.0.0:8034".parse().unwrap(), ..servers() },
                "admin_listen",
            ),
            (Settings { listen: "[::]:80".parse().unwrap(), ..servers() }, "without TLS"),
        ];
        let usual = report(&servers()).doubts.len();
        for (settings, part) in odd {
            let found = report(&settings).doubts;
            assert_eq!(found.len(), usual + 1, "{found:?}");
            assert!(found.iter().any(|one| one.contains(part)), "{part}: {found:?}");
        }
    }

    #[test]
    fn more_connections_than_descriptors_are_a_doubt() {
        let mut settings = servers();
        settings.limits.connections = u32::MAX;
        assert!(report(&settings).doubts.iter().any(|one| one.contains("LimitNOFILE=")));
        settings.limits.connections = 1;
        settings.limits.requests = 1;
        settings.resume_detached = 1;
        assert_eq!(report(&settings).doubts, Vec::<String>::new());
    }

    #[cfg(feature = "embedded")]
    #[test]
    fn data_without_its_key_and_folders_that_cannot_be_are_problems() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.server.data_dir = folder.path().join("data");
        assert_eq!(report(&settings).problems, Vec::<String>::new());
        assert!(!folder.path().join("data").exists(), "nothing is made");

        let mut load_test = settings.clone();
        load_test.server.limits.abuse = false;
        assert!(report(&load_test).doubts.iter().any(|one| one.contains("server.limits.abuse")));
        let mut open = settings.clone();
        open.server.limits.registrations_per_hour = 0;
        assert!(report(&open).doubts.iter().any(|one| one.contains("no longer closes")));

        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data/mig33.db"), "").unwrap();
        let found = report(&settings).problems;
        assert!(matches!(&found[..], [one] if one.contains("mig33.key")), "{found:?}");

        std::fs::write(folder.path().join("file"), "").unwrap();
        settings.server.data_dir = folder.path().join("file/data");
        let found = report(&settings).problems;
        assert!(found.iter().all(|one| one.contains("is no folder")), "{found:?}");
        assert!(!found.is_empty());
    }
}
