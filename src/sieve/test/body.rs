//! `body` (RFC 5173). It sets no match variables (§6).

use parser::message::Kind;
use parser::sieve::tree::{BodyTransform, Compare};

use super::{Trial, settle};
use crate::sieve::keys::Matcher;
use crate::sieve::run::{Halt, World};

impl World<'_> {
    pub(super) fn body(
        &self,
        transform: &BodyTransform,
        compare: &Compare,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        let mut matcher = self.matcher(compare, trial)?;
        matcher.captures = false;
        // §4: without the line that ends a header there is no body, not even an empty one.
        let Some(raw) = self.message.body(self.root()) else {
            return settle(matcher, false, trial);
        };
        let matched = match transform {
            BodyTransform::Raw => matcher.value(raw, &mut trial.work.budget)?,
            BodyTransform::Text => self.body_text(&mut matcher, trial)?,
            BodyTransform::Content(types) => {
                let types: Vec<String> = types
                    .iter()
                    .map(|text| self.names().string(text).to_ascii_lowercase())
                    .collect();
                self.body_content(&types, &mut matcher, trial)?
            }
        };
        settle(matcher, matched, trial)
    }

    /// §5.3: the text of each part, HTML without its tags.
    fn body_text(&self, matcher: &mut Matcher<'_>, trial: &mut Trial<'_>) -> Result<bool, Halt> {
        let budget = &mut trial.work.budget;
        for part in self.root()..self.message.end(self.root()) {
            if let Some(text) = self.message.text(part, budget)?
                && matcher.value(text.as_bytes(), budget)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// §5.2: of a multipart what stands around its parts, of a message its header, of others all.
    fn body_content(
        &self,
        types: &[String],
        matcher: &mut Matcher<'_>,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        let budget = &mut trial.work.budget;
        for index in self.root()..self.message.end(self.root()) {
            let part = self.message.part(index);
            if !types.iter().any(|wanted| is_of(part.media_type(), wanted)) {
                continue;
            }
            let matched = match part.kind() {
                Kind::Leaf => matcher.value(self.message.content(index, budget)?, budget)?,
                Kind::Message => matcher.value(self.message.inner_header(index), budget)?,
                Kind::Multipart => {
                    let [before, behind] = self.message.around(index);
                    matcher.value(before, budget)? || matcher.value(behind, budget)?
                }
            };
            if matched {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// §5.2: `type/subtype`, `type`, or all; what has another form is no type.
fn is_of((media, subtype): (&[u8], &[u8]), wanted: &str) -> bool {
    match wanted.split_once('/') {
        None => wanted.is_empty() || media == wanted.as_bytes(),
        Some((kind, sub)) => {
            let right = !kind.is_empty() && !sub.is_empty() && !sub.contains('/');
            right && media == kind.as_bytes() && subtype == sub.as_bytes()
        }
    }
}
