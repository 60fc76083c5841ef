//! Packs the VS Code extension as an uncompressed zip archive that is the same in every build.

use std::path::Path;
use std::{fs, io};

/// The folder of the extension's files in the repository.
pub(crate) const FOLDER: &str = "editors/vscode";

const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension=".js" ContentType="application/javascript"/><Default Extension=".json" ContentType="application/json"/><Default Extension=".md" ContentType="text/markdown"/><Default Extension=".vsixmanifest" ContentType="text/xml"/></Types>
"#;

fn manifest(version: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="bg-run" Version="{version}" Publisher="bg-run"/>
    <DisplayName>bg-run</DisplayName>
    <Description xml:space="preserve">Follows the background tasks of Claude Code</Description>
  </Metadata>
  <Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
  <Dependencies/>
  <Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/></Assets>
</PackageManifest>
"#
    )
}

/// Writes the packed extension to `file`.
pub(crate) fn pack(file: &Path, version: &str) -> io::Result<()> {
    let mut entries = vec![
        ("[Content_Types].xml".to_owned(), CONTENT_TYPES.into()),
        (
            "extension.vsixmanifest".to_owned(),
            manifest(version).into_bytes(),
        ),
    ];
    let mut names: Vec<String> = fs::read_dir(FOLDER)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()?;
    names.sort();
    for name in names {
        let text = fs::read(Path::new(FOLDER).join(&name))?;
        entries.push((format!("extension/{name}"), text));
    }
    fs::write(file, zip(&entries)?)
}

/// 1 January 1980, the first date in a zip archive.
const DATE: u16 = 0x21;

fn zip(entries: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in entries {
        let offset = number(archive.len())?;
        // Version 1.0, no flags, stored.
        let mut header = Vec::from([10_u8, 0, 0, 0, 0, 0, 0, 0]);
        header.extend(DATE.to_le_bytes());
        header.extend(crc32(text).to_le_bytes());
        for length in [text.len(), text.len()] {
            header.extend(number(length)?.to_le_bytes());
        }
        let length = u16::try_from(name.len()).map_err(io::Error::other)?;
        header.extend(length.to_le_bytes());
        header.extend([0, 0]);
        archive.extend(*b"PK\x03\x04");
        archive.extend(&header);
        archive.extend(name.as_bytes());
        archive.extend(text);
        directory.extend(*b"PK\x01\x02\x0a\x00");
        directory.extend(&header);
        // No comment, disk 0, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(entries.len()).map_err(io::Error::other)?;
    let start = number(archive.len())?;
    archive.extend(&directory);
    archive.extend(*b"PK\x05\x06\x00\x00\x00\x00");
    for _ in 0..2 {
        archive.extend(count.to_le_bytes());
    }
    archive.extend(number(directory.len())?.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0, 0]);
    Ok(archive)
}

fn number(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}

/// The checksum of zip archives (IEEE 802.3).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
