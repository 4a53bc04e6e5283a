/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - every sentence that a page shows, in English.
 */
#include "config.h"

#include <stddef.h>

#include "web/text.h"

static const char *const english[TEXTS] = {
[TEXT_LANGUAGE] = "en",

[TEXT_FOOT_HOME] = "About this host",
[TEXT_FOOT_ABUSE] = "Report abuse",
[TEXT_FOOT_OPERATOR] = "Write to the operator",

[TEXT_HOME_TITLE] = "Mailing lists at {}",
[TEXT_HOME_WHAT] =
    "This host sends mail to people who asked for it.  Everyone on a list has "
    "confirmed it from their own mailbox first.",
[TEXT_HOME_WHO] = "Who runs it can be reached at {}.",
[TEXT_HOME_LEAVE_HEAD] = "You want no more mail",
[TEXT_HOME_LEAVE] =
    "Every message ends with a link to leave its list.  It takes one press of "
    "a button: no account, no password, no questions.  The unsubscribe button "
    "of your mail program does the same.",
[TEXT_HOME_ABUSE_HEAD] = "You never asked for it",
[TEXT_HOME_ABUSE] =
    "Then please tell us.  We look into every report.",

[TEXT_ABUSE_TITLE] = "Report abuse",
[TEXT_ABUSE_WHERE] = "Send reports about mail from here to {}.  Nothing sent "
    "there is filtered, and no form of report is refused.",
[TEXT_ABUSE_NEEDS_HEAD] = "What helps us most",
[TEXT_ABUSE_NEEDS_MESSAGE] =
    "The whole message with all of its header lines, unchanged.  They tell us "
    "which list it came from and what was recorded when the address joined.",
[TEXT_ABUSE_NEEDS_TIME] = "When you received it, with your time zone.",
[TEXT_ABUSE_NEEDS_ASKED] =
    "Whether you ever asked for it, or did business with the sender.",
[TEXT_ABUSE_NEEDS_NAME] =
    "Whether the sender may learn that the report is yours.  Unless you allow "
    "it, they will not.",
[TEXT_ABUSE_HOW_HEAD] = "How to send it",
[TEXT_ABUSE_HOW] =
    "Forward the message as an attachment, or copy its source (often called "
    "\"show original\") into your mail.",
[TEXT_ABUSE_MACHINE] =
    "Reports made by programs are welcome in the Abuse Reporting Format "
    "(RFC 5965).",
[TEXT_ABUSE_THEN_HEAD] = "What happens then",
[TEXT_ABUSE_THEN] =
    "A person looks at it within two working days, and the sender has to show "
    "when and how the address was put on the list.",

[TEXT_LIST_TITLE] = "{}",
[TEXT_LIST_WHAT] = "A mailing list at {}.",
[TEXT_LIST_FROM] = "Its mail comes from {}.",
[TEXT_LIST_JOIN_HEAD] = "Join",
[TEXT_LIST_JOIN] =
    "Ask for it here.  Nothing is sent before you confirm it from your "
    "mailbox.",
[TEXT_LIST_JOIN_LINK] = "Join this list",
[TEXT_LIST_CLOSED] =
    "This list takes no requests here.  Ask the people who run it.",
[TEXT_LIST_LEAVE_HEAD] = "Leave",
[TEXT_LIST_LEAVE] =
    "Every message of this list ends with a link to leave it, and the "
    "unsubscribe button of your mail program does the same.  It works at once "
    "and for ever.",
[TEXT_LIST_LEAVE_HELP] = "If you find no such link, write to {}.",
[TEXT_LIST_POSTAL_HEAD] = "Postal address of the sender",

[TEXT_JOIN_TITLE] = "Join {}",
[TEXT_JOIN_ASK] = "Ask to receive the mail of the list {}.",
[TEXT_JOIN_THEN] =
    "You will get one message with a link.  Only if you confirm there will "
    "you be on the list, and you can leave it at any time with one press of a "
    "button.",
[TEXT_JOIN_ADDRESS] = "Your mail address",
[TEXT_JOIN_BUTTON] = "Ask to join",
[TEXT_JOIN_AGAIN] = "Please look at your request and press the button once "
    "more.",
[TEXT_JOIN_MALFORMED] = "This is not a mail address.  Please look at it once "
    "more.",
[TEXT_JOINED_TITLE] = "Please look into your mailbox",
[TEXT_JOINED_LOOK] =
    "If a message can be sent to this address, it is on its way.  Follow the "
    "link in it to confirm your request.  Before that, nothing will be sent.",
[TEXT_JOINED_NOTHING] =
    "If nothing arrives within a few minutes, look where your mail program "
    "puts mail it does not know.",

[TEXT_CONFIRM_TITLE] = "Confirm",
[TEXT_CONFIRM_ASK] = "Press the button to confirm your request.",
[TEXT_CONFIRM_ASK_LIST] =
    "Press the button to confirm that you want the mail of the list {}.",
[TEXT_CONFIRM_OWNER_TITLE] = "Confirm your address as an owner",
[TEXT_CONFIRM_OWNER_ASK] =
    "Press the button to confirm that you are responsible for the list {}.",
[TEXT_CONFIRM_ADDRESS] = "For the address {}.",
[TEXT_CONFIRM_NOT_YOU] =
    "If you did not ask for this, close this page.  Nothing will happen.",
[TEXT_CONFIRM_BUTTON] = "Yes, I confirm",
[TEXT_CONFIRMED_TITLE] = "Confirmed",
[TEXT_CONFIRMED] = "Thank you, that is done.",
[TEXT_CONFIRMED_LIST] = "Thank you.  You will get the mail of the list {}.",
[TEXT_CONFIRMED_LEAVE] =
    "Every message ends with a link to leave the list again.",
[TEXT_AGAIN_TITLE] = "Already confirmed",
[TEXT_AGAIN] = "You confirmed this before.  There is nothing left to do.",
[TEXT_EXPIRED_TITLE] = "This link is too old",
[TEXT_EXPIRED] =
    "Nothing was changed.  If you still want it, ask once more and confirm "
    "with the new link.",
[TEXT_VOID_TITLE] = "This link is no longer valid",
[TEXT_VOID] =
    "Nothing was changed: after this link was sent, the address was removed.  "
    "If you want to join after all, ask once more.",
[TEXT_UNKNOWN_TITLE] = "This link is not known",
[TEXT_UNKNOWN] =
    "Nothing was changed.  A part of the link may be missing: please open it "
    "from the message itself, or ask once more.",

[TEXT_LEAVE_TITLE] = "Leave the list",
[TEXT_LEAVE_ASK] = "Press the button and you will get no more mail of this "
    "list.",
[TEXT_LEAVE_ASK_LIST] =
    "Press the button and you will get no more mail of the list {}.",
[TEXT_LEAVE_BUTTON] = "Leave this list",
[TEXT_LEAVE_ALL_ASK] = "Or leave everything this sender sends from here.",
[TEXT_LEAVE_ALL_BUTTON] = "Leave all lists of this sender",
[TEXT_LEFT_TITLE] = "You have left",
[TEXT_LEFT] = "You will get no more mail of this list.",
[TEXT_LEFT_ALL] = "You will get no more mail of any list of this sender.",
[TEXT_LEFT_MISTAKE] =
    "If this was a mistake, you can ask to join again at any time.",
[TEXT_LEAVE_CUT_TITLE] = "This link is not complete",
[TEXT_LEAVE_CUT] =
    "Please open it from the message itself.  If that does not help, send the "
    "message to {} and you will be removed.",

[TEXT_FOOT_DATA] = "What is kept of you",
[TEXT_CONFIRM_CHANGE_ASK] =
    "Press the button to confirm that mail which went to another address of "
    "yours is to come here.",
[TEXT_DATA_TITLE] = "What is kept of an address",
[TEXT_DATA_ASK] =
    "See everything that is kept here of your mail address, put it right, "
    "take it with you, or have it deleted.  It is shown to nobody but who "
    "reads the mail of the address.",
[TEXT_DATA_ASK_BUTTON] = "Send me the link",
[TEXT_DATA_ASKED_TITLE] = "Please look into your mailbox",
[TEXT_DATA_ASKED] =
    "If anything is kept of this address, a message with a link is on its "
    "way.  The link works once, within 24 hours.",
[TEXT_DATA_OPEN] =
    "Press the button to see all that is kept of your address.  The link "
    "can be used once; the page that follows works until its 24 hours are "
    "over.",
[TEXT_DATA_OPEN_BUTTON] = "Show it",
[TEXT_DATA_USED_TITLE] = "This link was used, or is too old",
[TEXT_DATA_USED] =
    "It works once, within 24 hours.  Ask for another one to see what is "
    "kept.",
[TEXT_DATA_OF] = "All that is kept of {}.",
[TEXT_DATA_MADE] = "As of {}.  Your browser can print this page.",
[TEXT_DATA_NONE] = "None.",
[TEXT_DATA_LISTS_HEAD] = "The lists you are on",
[TEXT_DATA_BLOCKS_HEAD] = "Where you get no mail, as you or others wanted",
[TEXT_DATA_REQUESTS_HEAD] = "Requests",
[TEXT_DATA_ENTRIES_HEAD] = "What was recorded",
[TEXT_DATA_MORE] =
    "There is more than fits here.  Write to the operator for the rest.",
[TEXT_DATA_CORRECT_BUTTON] = "Correct it",
[TEXT_DATA_TAKE_HEAD] = "Take it with you",
[TEXT_DATA_DOWNLOAD_BUTTON] = "Download all of it (JSON)",
[TEXT_DATA_CHANGE_HEAD] = "Another address",
[TEXT_DATA_CHANGE] =
    "Have your mail sent to another address of yours.  It has to be confirmed "
    "there; until then nothing changes.",
[TEXT_DATA_CHANGE_ADDRESS] = "The new address",
[TEXT_DATA_CHANGE_BUTTON] = "Use this address",
[TEXT_DATA_CHANGE_ASKED] =
    "If a message can be sent to the new address, it is on its way.  Follow "
    "the link in it to confirm.",
[TEXT_DATA_ERASE_HEAD] = "Delete everything",
[TEXT_DATA_ERASE] =
    "You leave all lists, and everything above is deleted.  What stays is a "
    "code that can not be turned back into your address: by it you get no "
    "mail from the same senders again, unless you ask for it yourself.",
[TEXT_DATA_ERASE_BUTTON] = "Delete everything",
[TEXT_DATA_ERASED_TITLE] = "Deleted",
[TEXT_DATA_ERASED] =
    "Everything that was kept of your address is deleted.  Copies of the "
    "data that are not in use any more are overwritten within 30 days.",
[TEXT_DATA_ERASED_KEPT] =
    "What was kept of your address alone is deleted.  Something that is "
    "kept of others too may still name you: a file that shows where the "
    "addresses of a list came from, or the settings of a list of yours.  Who "
    "runs this service was told where, and you may ask them to delete it.  "
    "Copies of the data that are not in use any more are overwritten within "
    "30 days.",
[TEXT_DATA_DONE] = "That is done.",
[TEXT_DATA_NOT_DONE] = "That could not be done.  Nothing was changed.",

[TEXT_400_TITLE] = "This request makes no sense",
[TEXT_400] = "The request could not be read.",
[TEXT_403_TITLE] = "This is not for everybody",
[TEXT_403] = "Ask whoever runs this host.",
[TEXT_404_TITLE] = "There is no such page",
[TEXT_404] = "Please look at the address once more.",
[TEXT_404_LIST] = "There is no list of this name that one could join here.",
[TEXT_405_TITLE] = "That is not possible here",
[TEXT_405] = "This page can be read, and nothing else.",
[TEXT_413_TITLE] = "The request is too large",
[TEXT_413] = "What was sent is larger than anything this page expects.",
[TEXT_431_TITLE] = "The request is too large",
[TEXT_431] = "The header lines of the request are larger than they may be.",
[TEXT_503_TITLE] = "Please try again",
[TEXT_503] =
    "Your request could not be stored right now, so nothing was changed.  "
    "Please try again in a minute.",
};

const char *
text(enum text id)
{
	return english[id] != NULL ? english[id] : "";
}
