//! The list of weights that can be fetched.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::nn::architecture::Backbone;

/// One file on the hub.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What the user calls it.
    pub name: String,
    /// The backbone it fits.
    pub backbone: String,
    /// The repository, `owner/name`.
    pub repo: String,
    /// A commit, tag or branch.
    pub revision: String,
    /// The file's path in the repository.
    pub file: String,
    /// Its length, where known.
    pub bytes: Option<u64>,
    /// Its SHA-256 in lower-case hexadecimal digits, where known.
    pub sha256: Option<String>,
}

/// The weights in `weights/sources.toml`.
///
/// # Errors
/// If the list that was compiled in is malformed.
pub fn sources() -> Result<Vec<Source>> {
    parse(include_str!("../../../weights/sources.toml"))
}

/// The weights of this backbone.
///
/// # Errors
/// Where the list holds none.
pub fn source_for(backbone: Backbone) -> Result<Source> {
    sources()?.into_iter().find(|source| source.backbone == backbone.name()).ok_or_else(|| {
        Error::new(format!("No hub is known to serve ImageNet weights of {}", backbone.name()))
            .hint("pass a .safetensors or .pth file with --weights FILE")
    })
}

impl Source {
    /// That no part leads out of the cache's folder or out of the repository's address.
    pub(super) fn check(&self) -> Result<()> {
        let parts = |text: &str| text.split('/').all(is_plain_name);
        let sound = parts(&self.repo)
            && self.repo.split('/').count() == 2
            && is_plain_name(&self.revision)
            && parts(&self.file)
            && self.sha256.as_deref().is_none_or(is_sha256);
        if sound {
            Ok(())
        } else {
            Err(Error::usage(format!("The entry for the weights {} is malformed", self.name)).detail(format!(
                "repository {:?}, revision {:?}, file {:?}, SHA-256 {:?}",
                self.repo, self.revision, self.file, self.sha256
            )))
        }
    }
}

/// Whether `text` can stand as one part of a path or an address, with no need to escape it and no way out.
pub(super) fn is_plain_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// Whether `text` is 64 lower-case hexadecimal digits.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn parse(text: &str) -> Result<Vec<Source>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct List {
        source: Vec<Source>,
    }
    let list: List = toml::from_str(text)
        .map_err(|cause| Error::new("Cannot read the list of weights").detail(cause.to_string()))?;
    list.source.iter().try_for_each(Source::check)?;
    Ok(list.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sound() {
        let list = sources().unwrap();
        let resnet = list.iter().find(|source| source.backbone == "resnet18").unwrap();
        assert_eq!((resnet.repo.as_str(), resnet.file.as_str()), ("timm/resnet18.tv_in1k", "model.safetensors"));
        // What the hub says of timm's MobileNetV2 could not be asked for.
        let mut pinned = list.iter().filter(|source| source.name != "mobilenet_v2");
        assert!(pinned.all(|source| source.bytes.is_some() && source.sha256.is_some()));
        assert!(list.iter().all(|source| source.check().is_ok()));
        assert_eq!(source_for(Backbone::MobilenetV2).unwrap().repo, "timm/mobilenetv2_100.ra_in1k");
        // ResNet18 has 11,689,512 parameters and 9,600 running statistics of four bytes, and a header of some 10 kB.
        let values = (11_689_512 + 9_600) * 4;
        assert!((values..values + 20_000).contains(&resnet.bytes.unwrap()));
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let good = sources().unwrap().remove(0);
        let with = |change: fn(&mut Source)| {
            let mut source = good.clone();
            change(&mut source);
            source.check().is_ok()
        };
        assert!(with(|source| source.file = "onnx/model.onnx".to_owned()));
        assert!(!with(|source| source.file = "../model.safetensors".to_owned()));
        assert!(!with(|source| source.file = "a/../../b".to_owned()));
        assert!(!with(|source| source.file = "/etc/passwd".to_owned()));
        assert!(!with(|source| source.file = "a\\b".to_owned()));
        assert!(!with(|source| source.file = "a?b".to_owned()));
        assert!(!with(|source| source.repo = "../x".to_owned()));
        assert!(!with(|source| source.repo = "a/b/c".to_owned()));
        assert!(!with(|source| source.revision = "..".to_owned()));
        assert!(!with(|source| source.revision = String::new()));
        assert!(!with(|source| source.sha256 = Some("ABC".to_owned())));
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        let text = "[[source]]\nname='a'\nbackbone='b'\nrepo='c/d'\nrevision='e'\nfile='f'\nsha265='0'\n";
        let error = parse(text).unwrap_err();
        assert!(error.one_line().contains("sha265"), "{error}");
    }
}
