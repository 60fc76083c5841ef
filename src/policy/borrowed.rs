//! Texts that are read from bytes which stay for good, without copying them.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use super::rules::{Text, Texts};

pub(super) fn text<'de: 'static, D: Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
    <&'static str>::deserialize(from).map(Cow::Borrowed)
}

pub(super) fn texts<'de: 'static, D: Deserializer<'de>>(from: D) -> Result<Texts, D::Error> {
    let texts = Vec::<&'static str>::deserialize(from)?;
    Ok(texts.into_iter().map(Cow::Borrowed).collect())
}

pub(super) fn some_text<'de: 'static, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Text>, D::Error> {
    Ok(Option::<&'static str>::deserialize(from)?.map(Cow::Borrowed))
}

pub(super) fn some_texts<'de: 'static, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Texts>, D::Error> {
    let texts = Option::<Vec<&'static str>>::deserialize(from)?;
    Ok(texts.map(|texts| texts.into_iter().map(Cow::Borrowed).collect()))
}
