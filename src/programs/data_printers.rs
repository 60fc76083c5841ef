//! Programs that print data: dumps, archives, streams. A filter that shortens their output stays, because the whole
//! output would be kept and shown otherwise.

use super::names::{interpreter_name, program_name};
use super::options::{has_option, has_word};

/// The condition under which a program prints data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PrintsData {
    Always,
    /// Without any of these options, which name an output file. Letters in a bundle of short options count too.
    Without(&'static str),
    /// With one of these words.
    With(&'static str),
    /// `tar`, if it writes an archive or extracted files to standard output.
    AsAnArchive,
}

use PrintsData::{Always, AsAnArchive, With, Without};

/// Programs with their subcommands, and the condition.
#[rustfmt::skip]
const DATA: &[(&str, PrintsData)] = &[
    // Databases.
    ("pg_dump", Without("-f --file")),
    ("pg_dumpall", Without("-f --file")),
    ("pg_restore", Without("-d --dbname -l --list")),
    ("pg_basebackup", With("-Ft -D- --pgdata=-")),
    ("mysqldump", Without("-r --result-file -T --tab")),
    ("mariadb-dump", Without("-r --result-file -T --tab")),
    ("mysqlpump", Without("--result-file")),
    ("mydumper", With("--stream")),
    ("mongodump", With("--archive")),
    ("mongoexport", Without("-o --out")),
    ("sqlite3", Always),
    ("redis-cli", With("--rdb --csv --scan")),
    ("influx_inspect", Always),
    ("cockroach dump", Always),
    ("psql", With("-c --command -f --file")),
    ("mysql", With("-e --execute")),
    ("bq query", Always),
    ("bq extract", Always),
    ("duckdb", Always),
    ("clickhouse-client", With("-q --query")),
    ("clickhouse client", With("-q --query")),
    ("clickhouse local", With("-q --query")),
    ("influx query", Always),
    ("influx export", Without("-f --file")),
    ("mongo", With("--eval")),
    ("mongosh", With("--eval")),
    ("cqlsh", With("-e -f")),
    ("spark-sql", With("-e -f")),
    ("hive", With("-e -f")),
    ("beeline", With("-e -f")),
    ("impala-shell", With("-q -f")),
    ("trino", With("-f --execute --file")),
    ("snowsql", With("-q -f")),
    ("sqlcmd", With("-Q -q -i")),
    ("ldapsearch", Always),
    ("slapcat", Without("-l")),
    ("kcat", With("-C")),
    ("kafkacat", With("-C")),
    ("kafka-console-consumer", Always),
    ("kafka-console-consumer.sh", Always),
    // Logs and objects on servers.
    ("docker logs", Always),
    ("docker compose logs", Always),
    ("docker-compose logs", Always),
    ("podman logs", Always),
    ("nerdctl logs", Always),
    ("kubectl logs", Always),
    ("kubectl get", With("-o --output")),
    ("oc logs", Always),
    ("oc get", With("-o --output")),
    ("journalctl", Always),
    ("dmesg", Always),
    ("adb logcat", Without("-f")),
    ("adb exec-out", Always),
    // Images, archives, compression.
    ("docker save", Without("-o --output")),
    ("docker export", Without("-o --output")),
    ("docker image save", Without("-o --output")),
    ("docker container export", Without("-o --output")),
    ("docker cp", Always),
    ("podman save", Without("-o --output")),
    ("podman export", Without("-o --output")),
    ("podman image save", Without("-o --output")),
    ("nerdctl save", Without("-o --output")),
    ("nerdctl export", Without("-o --output")),
    ("tar", AsAnArchive),
    ("gtar", AsAnArchive),
    ("bsdtar", AsAnArchive),
    ("cpio", Always),
    ("git archive", Without("-o --output")),
    ("git bundle", Always),
    ("git fast-export", Always),
    ("git format-patch", With("--stdout")),
    ("git cat-file", Always),
    ("git diff", Always),
    ("git log", With("-p --patch")),
    ("git show", Always),
    ("svnadmin dump", Always),
    ("hg bundle", Always),
    ("hg export", Without("-o --output")),
    ("gzip", With("-c --stdout --to-stdout")),
    ("gunzip", With("-c --stdout --to-stdout")),
    ("pigz", With("-c --stdout")),
    ("bzip2", With("-c --stdout")),
    ("bunzip2", With("-c --stdout")),
    ("xz", With("-c --stdout --to-stdout")),
    ("unxz", With("-c --stdout --to-stdout")),
    ("zstd", With("-c --stdout")),
    ("unzstd", With("-c --stdout")),
    ("lz4", With("-c")),
    ("brotli", With("-c --stdout")),
    ("bgzip", With("-c --stdout")),
    ("lbzip2", With("-c --stdout")),
    ("lzop", With("-c --stdout")),
    ("pbzip2", With("-c --stdout")),
    ("uncompress", With("-c")),
    ("lz4cat", Always),
    ("lzcat", Always),
    ("zless", Always),
    ("zcat", Always),
    ("bzcat", Always),
    ("xzcat", Always),
    ("zstdcat", Always),
    ("unzip", With("-p -c")),
    ("7z", With("-so")),
    ("rar p", Always),
    ("unrar p", Always),
    ("ar p", Always),
    ("rpm2cpio", Always),
    ("dpkg-deb", With("--fsys-tarfile")),
    ("unsquashfs", With("-cat")),
    ("borg extract", With("--stdout")),
    ("restic dump", Always),
    // Streams and bytes.
    ("tcpdump", Always),
    ("tshark", Always),
    ("dumpcap", Always),
    ("ngrep", Always),
    ("dd", Without("of=")),
    ("xxd", Always),
    ("hexdump", Always),
    ("od", Always),
    ("base64", Always),
    ("strings", Always),
    ("openssl", Without("-out")),
    ("gpg", Without("-o --output")),
    ("age", Without("-o --output")),
    ("nc", Always),
    ("ncat", Always),
    ("socat", Always),
    ("curl", Without("-o -O --output --remote-name --remote-name-all")),
    ("wget", With("-O- -qO- --output-document=-")),
    ("rclone cat", Always),
    ("gsutil cat", Always),
    ("gcloud storage cat", Always),
    ("hadoop fs", With("-cat -text")),
    ("hdfs dfs", With("-cat -text")),
    ("mc cat", Always),
    ("s5cmd cat", Always),
    ("zfs send", Always),
    ("btrfs send", Without("-f")),
    ("arecord", Always),
    ("samtools view", Without("-o --output")),
    ("bcftools view", Without("-o --output")),
    ("bedtools", Always),
    ("fastq-dump", With("-Z --stdout")),
    ("seqtk", Always),
    ("jq", Always),
    ("yq", Always),
    ("nm", Always),
    ("objdump", Always),
    ("readelf", Always),
    ("perf script", Without("-o --output")),
    ("pv", Always),
    ("cat", Always),
    ("yes", Always),
    ("seq", Always),
];

/// Arguments that mean standard output in any program: `ffmpeg … -`, `aws s3 cp … -`.
const STANDARD_OUTPUT: &[&str] = &["-", "/dev/stdout", "/dev/fd/1", "pipe:", "pipe:1"];

/// Whether a word names standard output, alone or behind an option or a format: `-`, `of=/dev/stdout`, `-O-`, `png:-`.
fn is_standard_output(word: &str) -> bool {
    let named = word.rsplit_once('=').map_or(word, |(_, value)| value);
    let is_short = matches!(named.as_bytes(), [b'-', b'A'..=b'Z' | b'a'..=b'z', b'-']);
    let ends = [":-", ":/dev/stdout", "/vsistdout/"];
    STANDARD_OUTPUT.contains(&named) || is_short || ends.iter().any(|end| named.ends_with(end))
}

/// Whether `words` call a program that prints data.
pub(super) fn prints_data(words: &[String]) -> bool {
    let Some((first, arguments)) = words.split_first() else {
        return false;
    };
    let program = program_name(first);
    // `python -` reads its program from standard input.
    let reads_a_script = interpreter_name(program) == "python"
        || matches!(
            program,
            "bash" | "sh" | "zsh" | "node" | "ruby" | "perl" | "php"
        );
    if !reads_a_script && arguments.iter().any(|word| is_standard_output(word)) {
        return true;
    }
    // Removes a version: `pg_dump-16`.
    let family = program.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'));
    let initial = program.as_bytes().first();
    let rows = DATA.iter().filter(|(name, _)| {
        let mut parts = name.split(' ');
        // The first byte alone excludes most rows.
        name.as_bytes().first() == initial
            && parts
                .next()
                .is_some_and(|part| part == program || part == family)
            && parts.zip(arguments).all(|(part, word)| part == word)
            && name.split(' ').count() <= words.len()
    });
    let mut rows = rows.map(|(_, when)| match when {
        Always => true,
        Without(options) => !has_any(options, arguments),
        With(options) => has_any(options, arguments),
        AsAnArchive => tar_writes_to_stdout(arguments),
    });
    rows.any(|prints| prints)
}

/// Whether `arguments` contain one of `options`, possibly with a value in the same word, or as a letter in a bundle.
fn has_any(options: &str, arguments: &[String]) -> bool {
    arguments.iter().any(|word| {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        let mut with_values = options.split(' ').filter(|option| option.ends_with('='));
        has_option(options, word)
            || has_word(options, name)
            || with_values.any(|option| word.starts_with(option))
    })
}

/// Whether `tar` writes to standard output because no other file is named: `tar czf - .`, `tar -cz .`, `tar xOf
/// a.tar`.
fn tar_writes_to_stdout(arguments: &[String]) -> bool {
    let letters =
        |wanted: char| {
            let mut clusters = arguments.iter().enumerate().filter_map(|(at, word)| {
                match word.strip_prefix('-') {
                    Some(rest) if !rest.starts_with('-') => Some(rest),
                    None if at == 0 => Some(word.as_str()),
                    _ => None,
                }
            });
            clusters.any(|cluster| cluster.contains(wanted))
        };
    let long = |name: &str| arguments.iter().any(|word| word.starts_with(name));
    let makes = letters('c') || long("--create");
    let names_a_file = letters('f') || long("--file");
    makes && !names_a_file || letters('O') || long("--to-stdout")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_reports_are_distinguished() {
        for (text, prints) in [
            ("pg_dump mydb", true),
            ("pg_dump -f out.sql mydb", false),
            ("pg_dump -Fc --file=out mydb", false),
            ("pg_dumpall", true),
            ("mysqldump --all-databases", true),
            ("mysqldump -r out.sql a", false),
            ("/usr/bin/mysqldump a", true),
            ("docker save app", true),
            ("docker save -o app.tar app", false),
            ("docker build .", false),
            ("tar czf - .", true),
            ("tar -cz .", true),
            ("tar czf out.tgz .", false),
            ("tar xzvf in.tgz", false),
            ("tar -xO -f in.tar", true),
            ("tar --create .", true),
            ("tcpdump -A", true),
            ("ffmpeg -i a.mp4 -f mp3 -", true),
            ("ffmpeg -i a.mp4 b.mp3", false),
            ("aws s3 cp s3://b/k -", true),
            ("git archive HEAD", true),
            ("hg export tip", true),
            ("adb exec-out screencap -p", true),
            ("git push", false),
            ("curl https://x", true),
            ("curl -fsSLo out https://x", false),
            ("dd if=/dev/sda", true),
            ("dd if=a of=b", false),
            ("python -", false),
            ("python train.py", false),
            ("pytest -x", false),
            ("make", false),
            ("cargo test", false),
            ("npm test", false),
            ("gzip -dc a", true),
            ("pg_dump-16 mydb", true),
            ("pg_basebackup -Ft -D-", true),
            ("mongodump --archive", true),
            ("mongodump -o dump", false),
            ("redis-cli --rdb -", true),
            ("sqlite3 db .dump", true),
            ("kubectl get pods -o json", true),
            ("kubectl get pods -oyaml", true),
            ("kubectl get pods", false),
            ("docker logs web", true),
            ("journalctl -f", true),
            ("convert a.svg png:-", true),
            ("gs -sOutputFile=- a.ps", true),
            ("skopeo copy a docker-archive:/dev/stdout", true),
            ("nerdctl export c", true),
            ("mc cat a/b", true),
        ] {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            assert_eq!(prints_data(&words), prints, "{text}");
        }
    }
}
