//! Deliveries: one copy and one answer for each recipient.

use sora::error::Refusal;
use sora::job::{Body, DeliveryProblem, Envelope, Recipient, Reply};
use sora::model::{Flags, KeywordMask, MailboxName};

use super::{Model, NOW, bytes_of};

impl Model {
    pub(super) fn deliver(
        &mut self,
        envelope: &Envelope,
        recipients: &[Recipient],
        body: Body,
    ) -> Reply {
        let received = bytes_of(body);
        let each = recipients.iter().map(|to| self.deliver_one(envelope, to, &received));
        Reply::Delivered(each.collect())
    }

    fn deliver_one(
        &mut self,
        envelope: &Envelope,
        to: &Recipient,
        received: &[u8],
    ) -> Result<(), DeliveryProblem> {
        let text = String::from_utf8_lossy(received);
        let header = text.split("\r\n\r\n").next().unwrap_or("").to_lowercase();
        let delivered_to = format!("delivered-to: {}", to.given.to_lowercase());
        if header.lines().any(|line| line == delivered_to) {
            return Err(DeliveryProblem::Refused(Refusal::MailLoop)); // pitfall 14
        }
        let again = format!("{}\n{}\n", envelope.sender, to.given).into_bytes();
        let again = [&again, received].concat();
        if header.lines().any(|line| line.starts_with("received:")) {
            let delivered = &mut self.account(to.account).delivered;
            if delivered.contains(&again) {
                return Ok(()); // pitfall 6
            }
            delivered.push(again);
        }
        let inbox = self.find(to.account, &MailboxName::inbox());
        let inbox = inbox.map_err(DeliveryProblem::Refused)?;
        let trace = format!(
            "Return-Path: <{}>\r\nDelivered-To: {}\r\nReceived: from {} by model.test with LMTP; \
             Fri, 01 Mar 2024 00:00:00 +0000\r\n",
            envelope.sender, to.given, envelope.helo
        );
        let bytes = [trace.as_bytes(), received].concat();
        self.add_message(inbox, bytes, Flags::NONE, KeywordMask(0), NOW);
        Ok(())
    }
}
