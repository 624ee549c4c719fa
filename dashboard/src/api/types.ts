// SPDX-License-Identifier: AGPL-3.0-or-later
// Generated from gateway/openapi.yaml by "npm run generate". Do not edit.

export interface paths {
    "/healthcheck": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process lives. */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether records are accepted and costd and the database answer.
         * @description 200 while records can be accepted durably (the spool works); `status` is then `ready` or,
         *     when costd or the database does not answer or damaged records were set aside, `degraded`. 503
         *     when nothing can be accepted.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Report generations.
         * @description One record, an array of records, or NDJSON: a record per line, under any of the names below. At
         *     most 10000 records and 8 MiB, not compressed. The answer is sent after every accepted record is
         *     on disk. Sending a record again changes nothing.
         *
         *     Only what has no key (neither `generation_id` nor `turn_id`), is no object, or is no JSON is refused,
         *     and listed under `rejected` with its index; if no record of the body is taken the status is 400.
         *     An item of an array, or a line, that is no JSON (a duplicate key and more than 64 levels count as such)
         *     leaves its neighbours; where nothing closes a string or a bracket, the rest of an array is one entry, and
         *     what was read before it stays.
         *     Any other field that does not fit is repaired or left out, and listed under `repaired` (the first
         *     1000 of a reply; `owui_metering_fields_dropped_total` counts all): control characters, bare ones
         *     too, and bytes that are no UTF-8 are taken out of texts; `NaN`, `Infinity` and `-Infinity` are
         *     left out; a name or a group that is too long is cut, any other text left out; a token count that
         *     is a text is read, one that is negative, fractional or beyond 10⁹ is left out; a cost that is
         *     negative, beyond 10000 USD or no amount is none, and the provider is asked; an id that is too long
         *     or has characters that no id has becomes `long:` and the SHA-256 of its bytes (each of its first
         *     64 bytes that are no UTF-8 as U+0080 plus its upper half and U+0090 plus its lower one); without a
         *     user it is `unknown`; a time before 2020, or more than five minutes ahead, gives way to that of
         *     the receipt, and so does none at all.
         */
        post: operations["postEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/traces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Take OTLP traces, as OpenRouter's Broadcast sends them.
         * @description OTLP/HTTP in JSON or protobuf, also with `Content-Encoding: gzip`; at most 16 MiB, packed or not,
         *     and 8 MiB besides the texts of attributes. Each generation's root span becomes one record with
         *     the source `otlp`; a generation the plugin reports too is one row. Attempts, other children and
         *     test spans (`openrouter-connection-test`, `Test Generation`) are taken and not metered. Prompts
         *     and answers are dropped unread. A span without a user counts for the user `unknown` until another
         *     record of the generation names one. Where a span has no cost, or one that is no evidence (an
         *     error with a cost of zero, BYOK), the provider is asked. The answer is sent after every record is
         *     on disk, and traces may be sent again. An empty body is a connection test, also one without a
         *     length and a content type.
         *
         *     Read are OpenRouter's attributes and the words of others for the cost: `gen_ai.usage.cost`
         *     (LiteLLM), or `gen_ai.usage.cost.amount` with `.currency` (one other than USD is no cost here) and
         *     `.source` (`provider` is a report, anything else an estimate). `session.id` of the shape
         *     `owui|USER|CHAT||TASK` says whose request it was where `user.id` does not; `trace.metadata.owui_turn`
         *     and `trace.metadata.owui_request` are the turn and the number of the request within it.
         */
        put: operations["putTraces"];
        /**
         * Take OTLP traces, as OpenRouter's Broadcast sends them.
         * @description OTLP/HTTP in JSON or protobuf, also with `Content-Encoding: gzip`; at most 16 MiB, packed or not,
         *     and 8 MiB besides the texts of attributes. Each generation's root span becomes one record with
         *     the source `otlp`; a generation the plugin reports too is one row. Attempts, other children and
         *     test spans (`openrouter-connection-test`, `Test Generation`) are taken and not metered. Prompts
         *     and answers are dropped unread. A span without a user counts for the user `unknown` until another
         *     record of the generation names one. Where a span has no cost, or one that is no evidence (an
         *     error with a cost of zero, BYOK), the provider is asked. The answer is sent after every record is
         *     on disk, and traces may be sent again. An empty body is a connection test, also one without a
         *     length and a content type.
         *
         *     Read are OpenRouter's attributes and the words of others for the cost: `gen_ai.usage.cost`
         *     (LiteLLM), or `gen_ai.usage.cost.amount` with `.currency` (one other than USD is no cost here) and
         *     `.source` (`provider` is a report, anything else an estimate). `session.id` of the shape
         *     `owui|USER|CHAT||TASK` says whose request it was where `user.id` does not; `trace.metadata.owui_turn`
         *     and `trace.metadata.owui_request` are the turn and the number of the request within it.
         */
        post: operations["postTraces"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/metering/record": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The body that filters of the older OWUI-Metering send.
         * @description Answered with 200 whenever it can be a record, which needs `activity.id`: those filters raise an error in
         *     the user's chat at anything else. What does not fit is treated, and named, as at `/api/v1/events`.
         */
        post: operations["postMeteringRecord"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Open a session. */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/login/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Open a session with a login link, which `gateway --login-link` prints on the host. It works once, within ten minutes, and when too many passwords failed. */
        post: operations["loginByLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End the session on the server. Without a session it does nothing. */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/end-all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End every session of the installation, this one too. */
        post: operations["endAllSessions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A URL that opens a file or the live stream once, for a browser that fetches it by a link. */
        post: operations["createTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The running session and what a page needs to know of the installation. */
        get: operations["getSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Exact totals of a period. */
        get: operations["getUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/generations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The ledger rows of a period, newest first. */
        get: operations["listGenerations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/generations/{generation_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One ledger row with its history.
         * @description The row, every record that was received for it in the order of receipt, and the state of its
         *     look-up while one is planned or was given up. A record says what one path saw: the row is the
         *     join of all of them.
         */
        get: operations["getGeneration"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/generations/{generation_id}/unpair": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Say that a turn's row and a generation's row are two calls.
         * @description A turn's row that was taken for a generation's call (`part_of`) counts by itself again, and stays so whatever
         *     comes; of a generation, all the turns that are part of it do. No body.
         */
        post: operations["unpairGeneration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Records as this gateway accepts them, as server-sent events.
         * @description `event: record` for each record, sent after it is on disk, with an opaque `id` and a LiveRecord as
         *     data. A client that comes back with `Last-Event-ID` gets what it missed, as far as the last 1000
         *     records reach; otherwise `event: gap` (data `{}`) comes first: what is missing is in
         *     `/generations`. Without the header the stream begins with what comes next. A comment is sent at
         *     least every 15 seconds. Several gateways: each shows what it accepted itself, and knows
         *     only its own ids.
         *
         *     The stream ends when the session ends, when the gateway stops, and when the reader does not take
         *     what is sent. At most `LIVE_STREAMS` are open at the same time; one more is answered 503.
         */
        get: operations["getLive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pipeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How the way from the gateway to the ledger is.
         * @description Works while costd does not answer, too; what only costd knows is null then. The spool is this
         *     gateway's, the rest the installation's.
         */
        get: operations["getPipeline"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The running configuration of all services, secrets masked. */
        get: operations["getSettings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/plugin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The source of the Open WebUI plugin that belongs to this gateway. */
        get: operations["getPlugin"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everyone who was ever seen, ordered by id. */
        get: operations["listUsers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["getUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/{id}/merge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Show a person who has several ids as one user, as after a move to another server.
         * @description From now on the usage of this id is shown as that of the user `into`, in every list, sum and statement, for past
         *     and future requests alike. No figure of a request or of the whole changes, and issued documents stay as they are;
         *     `unmerge` takes it back. Said again, it changes nothing. Whoever is merged into somebody who is merged themselves is
         *     shown as the last of the chain.
         */
        post: operations["mergeUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/{id}/unmerge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Show a person who was merged into another one as a user of their own again. */
        post: operations["unmergeUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The provider's price list as last fetched by costd. Prices are the provider's own strings. */
        get: operations["listModels"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/credits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The balance at the provider. */
        get: operations["getCredits"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/statements/{user_id}/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One user's month, `{YYYY-MM}.pdf`, `.xlsx` or `.csv`. */
        get: operations["getStatement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/statements/group/{group}/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One group's month, `{YYYY-MM}.pdf`, `.xlsx` or `.csv`. */
        get: operations["getGroupStatement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reports/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everyone's month, `{YYYY-MM}.pdf`, `.xlsx` or `.csv`; `.zip` holds a statement per user and a manifest. */
        get: operations["getReport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/usage.csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What `/api/v1/usage` shows, as a file. */
        get: operations["getUsageCsv"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/usage.xlsx": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What `/api/v1/usage` shows, as a file. */
        get: operations["getUsageXlsx"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/generations.csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What `/api/v1/generations` shows, all pages, as a file. */
        get: operations["getGenerationsCsv"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/generations.xlsx": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What `/api/v1/generations` shows, all pages, as a file. */
        get: operations["getGenerationsXlsx"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begins to make a file that takes a while.
         * @description The file can be watched, cancelled and fetched under its id. It is thrown away when it was not
         *     asked for in ten minutes, or in one while it is being made.
         */
        post: operations["postExport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far a file is. */
        get: operations["getExport"];
        put?: never;
        post?: never;
        /** Cancels it, or throws it away; one that is not there is no error. */
        delete: operations["deleteExport"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exports/{id}/file": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The file; waits for one that is being made. */
        get: operations["getExportFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/documents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The issued documents, newest first. */
        get: operations["listDocuments"];
        put?: never;
        /**
         * Issue a document, with a number of its year's gapless series.
         * @description The document is made, given the next number, and kept with its figures and the SHA-256 of its file;
         *     it never changes. What the other calls give is a draft. A month that still runs and requests that
         *     are not settled do not stand in the way: the document says so, and `unsettled` counts them.
         *     A correction is a new document that names the old one; each document is corrected at most once,
         *     and by one of the same kind, user or group, and month. It is made with the terms of the one it
         *     corrects, unless `terms` says `month`.
         *
         *     Of a kind, user or group, and month one document stands: neither corrected nor cancelled. A second
         *     one is refused with 409, which names the first. The other format of the one that stands is a
         *     further file under its number, and so is a duplicate, which says on its pages that it is one: both
         *     answer 200. After a cancellation a new document can be issued.
         *
         *     What takes longer than some seconds is answered with 202 and goes on; `Location` tells how far it
         *     is. With the header `Idempotency-Key` the call can be repeated: the same key finds what it asked
         *     for, and answers 200 with the document or 202 again. Without the header each call is a request of
         *     its own; a 202 tells the key that was drawn for it.
         */
        post: operations["issueDocument"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/documents/requests/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How far a document is that was asked for under this Idempotency-Key.
         * @description One that was issued is found for ever. One that waits, is being made or failed is known to the
         *     reportd that was asked: 404 when that was started again, and the same POST with the same key then
         *     makes the document, or finds it.
         */
        get: operations["getIssueRequest"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/documents/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One issued document. */
        get: operations["getDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/documents/{number}/file": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A file that was issued, byte for byte. */
        get: operations["getDocumentFile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/documents/{number}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take an issued document back without a replacement.
         * @description The cancellation is a document of its own: a PDF with a number of the series, for the same user or
         *     group and month, whose total is the negative of the other's. Each document is cancelled at most
         *     once, and not when it was corrected: then the correction is what stands. Afterwards a new document
         *     can be issued. Takes as long, and can be repeated, as issuing one.
         */
        post: operations["cancelDocument"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/terms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What months are charged besides the usage, and how that came.
         * @description A month has the terms of the latest `valid_from` that is not after its first day. The settings of
         *     reportd are the first, from the beginning of time; a changed setting is valid from the first day of
         *     the month that runs then.
         */
        get: operations["getTerms"];
        /**
         * Change the terms from a month on.
         * @description Adds to the history; nothing that was issued changes. A member that is absent stays as in the
         *     terms that were in force on that day, null takes it away; `exchange_rate_confirmed` is never taken
         *     over. Unknown members are refused. Until when the terms are valid is when others begin.
         */
        put: operations["putTerms"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/verify/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What was issued under the code printed on a document's pages.
         * @description Open to anyone who holds the document. Case, dashes and spaces do not matter; O is read as 0, I and L
         *     as 1. An address that asks for unknown codes is made to wait.
         */
        get: operations["verifyDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/user/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** One user's month as PDF, the call that clients of the older OWUI-Metering make. */
        post: operations["postUserReport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/prices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The price history, by model, newest first. */
        get: operations["listPrices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unsettled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Rows that are not settled, or have no price, newest first, and why. */
        get: operations["listUnsettled"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Records the ledger could not take, with the reason. */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send one dead letter, or all, through the ledger once more.
         * @description A record that is stored now, or that the ledger has already, is a dead letter no longer. One that is
         *     refused again stays, with the new reason. An empty object means all; `more` is true when the time was over before all
         *     were tried. Of a spool that was put back from a copy several records may have one number: all of them are tried.
         */
        post: operations["retryDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dead-letters/set-aside": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take dead letters out of the count of those that somebody has to look at.
         * @description They stay in the list, with the reason, and are counted apart. `letters` names some, `spool_id` and `seq` one, and
         *     without these all are meant. One that is set aside already keeps its reason; sending all once more leaves them
         *     out, sending one by its number does not.
         */
        post: operations["setDeadLettersAside"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/refused": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the gateway could not take, by sender and reason.
         * @description A line for each door (which call it came to), sender and reason, the newest
         *     first; each gateway keeps the last 1000 in its spool. Nothing of what was sent
         *     is kept. Records that were taken and repaired are not here: the reply tells
         *     their sender, and `owui_metering_fields_dropped_total` counts them.
         */
        get: operations["listRefused"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/senders/heartbeat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What a plugin says of itself, every minute.
         * @description No record: nothing of the ledger moves. The last of each sender is kept, of at most 1000 senders; those not
         *     heard for 90 days are forgotten, and beyond 1000 those not heard for longest.
         */
        post: operations["postHeartbeat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/senders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What each plugin last said of itself, the last heard first. */
        get: operations["listSenders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/generations/{generation_id}/decision": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Decide what a request cost, how many tokens it took, or who made it.
         * @description For rows that are in dispute, and for any other. The decision counts more than what senders and look-ups say,
         *     whatever comes later; a later decision counts more than this. It stays in the row's records with its reason.
         */
        post: operations["decideGeneration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/disputes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rows that are in dispute, that the provider does not know, or that are of an odd day, newest first.
         * @description Without `mark` those that are in dispute or unproven. Rows of an odd day are listed with `mark=odd_day` alone:
         *     there are as many as there are rows where somebody sends what happened long ago.
         */
        get: operations["listDisputes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/discrepancies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Rows whose reported cost differs from the one that was looked up, newest first. */
        get: operations["listDiscrepancies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Prometheus text; the gateway's own metrics and, while they answer, costd's and reportd's. */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Export: {
            id: string;
            /** @enum {string} */
            state: "queued" | "running" | "done" | "failed" | "cancelled";
            progress: number | null;
            rows_done: number;
            rows_total: number | null;
            /** @description Of the file that is done. */
            bytes: number | null;
            filename: string | null;
            /** @description Why it failed, or why it is gone. */
            detail: string | null;
        };
        /**
         * @description USD, exact.
         * @example 0.000000125
         */
        Money: string;
        SignedMoney: string;
        /** Format: date-time */
        Instant: string;
        Month: string;
        Sha256: string;
        /** @description As printed, a plain decimal. */
        PrintedMoney: string;
        /** @example 2026-000012 */
        DocumentNumber: string;
        /** @enum {unknown} */
        DocumentKind: "statement" | "group_statement" | "report";
        /** @description One file of a document. It never changes. */
        DocumentFile: {
            /** @enum {unknown} */
            format: "pdf" | "xlsx";
            /** @description It says so on its pages. */
            duplicate: boolean;
            bytes: number;
            sha256: components["schemas"]["Sha256"];
            filename: string;
            made_at: components["schemas"]["Instant"];
            locale: string | null;
        };
        /**
         * @example {
         *       "request": "7c1f0a52-november",
         *       "state": "running",
         *       "document": null,
         *       "error": null
         *     }
         * @example {
         *       "request": "7c1f0a52-november",
         *       "state": "failed",
         *       "document": null,
         *       "error": {
         *         "status": 409,
         *         "message": "2026-000001 is issued for this already; correct it, cancel it, or ask for a duplicate"
         *       }
         *     }
         */
        IssueRequest: {
            /** @description The Idempotency-Key. */
            request: string;
            /** @enum {unknown} */
            state: "queued" | "running" | "done" | "failed";
            /** @description When it is done. */
            document: components["schemas"]["Document"] | null;
            /** @description Why it failed. */
            error: null | {
                /** @description That the call would have answered with. */
                status: number;
                message: string;
            };
        };
        /**
         * @description The terms of one day as they were set at one time. What is null is not set, and has the default of reportd's setting of that name.
         * @example {
         *       "valid_from": "2026-11-01",
         *       "changed_at": "2026-11-03T09:12:44.000000Z",
         *       "source": "api",
         *       "withdrawn": false,
         *       "counts": true,
         *       "minimum_charge_fee": "10",
         *       "minimum_charge_mode": "floor",
         *       "markup_percent": "0.04",
         *       "markup_per_million_tokens": null,
         *       "tax_rate": "19",
         *       "tax_name": "VAT",
         *       "currency": "EUR",
         *       "exchange_rate": "0.92",
         *       "exchange_rate_date": "2026-11-30",
         *       "exchange_rate_source": "ECB",
         *       "exchange_rate_confirmed": false
         *     }
         */
        Terms: {
            /** @description The first day of a month; null, from the beginning of time. */
            valid_from: string | null;
            changed_at: components["schemas"]["Instant"];
            /**
             * @description reportd's settings, or a person.
             * @enum {unknown}
             */
            source: "settings" | "api";
            /** @description The day has no terms of its own any more. */
            withdrawn: boolean;
            /** @description It is the newest of its day, and not withdrawn. */
            counts: boolean;
            /** @description USD. */
            minimum_charge_fee: string | null;
            /** @enum {unknown} */
            minimum_charge_mode: "add" | "floor" | null;
            markup_percent: string | null;
            /** @description USD. */
            markup_per_million_tokens: string | null;
            /** @description Percent. */
            tax_rate: string | null;
            tax_name: string | null;
            /** @description Null: USD. */
            currency: string | null;
            /** @description Units of the currency per USD. */
            exchange_rate: string | null;
            /** Format: date */
            exchange_rate_date: string | null;
            exchange_rate_source: string | null;
            /** @description A person says that the rate is right for the month of `valid_from`, although it is dated outside of it. Does not count for later months. */
            exchange_rate_confirmed: boolean;
        };
        TermsList: {
            /** @description Those that count, the latest first. */
            items: components["schemas"]["Terms"][];
            /** @description All of them: the latest day first, of one day the newest first. */
            history: components["schemas"]["Terms"][];
            /** @description Two reportd run with different settings: which. None of them is taken over then. */
            conflict: string | null;
        };
        /**
         * @description Decimals are texts or numbers, with at most 18 fraction digits.
         * @example {
         *       "valid_from": "2026-11",
         *       "currency": "EUR",
         *       "exchange_rate": "0.92",
         *       "exchange_rate_date": "2026-11-30",
         *       "exchange_rate_source": "ECB"
         *     }
         * @example {
         *       "valid_from": "2026-11-01",
         *       "markup_percent": null
         *     }
         * @example {
         *       "valid_from": "2026-11-01",
         *       "withdrawn": true
         *     }
         */
        TermsChange: {
            /** @description A month, or its first day; null, from the beginning of time. */
            valid_from: string | null;
            /** @description USD. */
            minimum_charge_fee?: string | number | null;
            /** @enum {unknown} */
            minimum_charge_mode?: "add" | "floor" | null;
            markup_percent?: string | number | null;
            /** @description USD. */
            markup_per_million_tokens?: string | number | null;
            /** @description Percent. */
            tax_rate?: string | number | null;
            tax_name?: string | null;
            currency?: string | null;
            /** @description Units of the currency per USD; needed with its date and source when the currency is not USD. */
            exchange_rate?: string | number | null;
            /** Format: date */
            exchange_rate_date?: string | null;
            exchange_rate_source?: string | null;
            /** @description The rate is right although it is dated outside the month of `valid_from`. Default: false. */
            exchange_rate_confirmed?: boolean | null;
            /** @description The day has no terms of its own any more; nothing else may be given then but `valid_from`. Default: false. */
            withdrawn?: boolean | null;
        };
        /**
         * @description An issued document. Nothing of it changes but `corrected_by`, `cancelled_by`, and `files`, which can
         *     become more; `differs` and `difference` tell of its month as it is now. What describes a file at the top is that of the first.
         */
        Document: {
            number: components["schemas"]["DocumentNumber"];
            kind: components["schemas"]["DocumentKind"];
            user: string | null;
            /** @description As it was then. */
            user_name: string | null;
            group: string | null;
            month: components["schemas"]["Month"];
            /** @enum {unknown} */
            format: "pdf" | "xlsx";
            locale: string | null;
            issued_at: components["schemas"]["Instant"];
            total: components["schemas"]["PrintedMoney"];
            currency: string;
            sha256: components["schemas"]["Sha256"];
            bytes: number;
            filename: string;
            verification_code: string;
            corrects: components["schemas"]["DocumentNumber"] | null;
            corrected_by: components["schemas"]["DocumentNumber"] | null;
            /** @description The document that this one takes back: its total is the negative of that one's. */
            cancels: components["schemas"]["DocumentNumber"] | null;
            cancelled_by: components["schemas"]["DocumentNumber"] | null;
            /** @description Of a cancellation. */
            reason: string | null;
            /** @description Requests whose cost could still change when it was issued. */
            unsettled: number;
            /** @description All of its files, the original first. */
            files: components["schemas"]["DocumentFile"][];
            /** @description Whether it stands, and its month amounts to something else by now than what it shows. */
            differs: boolean;
            /** @description The cost of the usage now less the cost that it shows, in USD; 0 where another figure differs, or where it does not stand. */
            difference: components["schemas"]["SignedMoney"];
        };
        Problem: {
            /** @constant */
            type: "about:blank";
            title: string;
            status: number;
            detail: string;
            request_id: string;
        };
        Rejection: {
            index: number;
            reason: string;
        };
        Repair: {
            /** @description Of the record in the body. */
            index: number;
            /**
             * @example user.name
             * @example usage.prompt_tokens
             */
            field: string;
            /** @description Never quotes what was sent. */
            reason: string;
        };
        TracesResult: {
            partialSuccess?: {
                rejectedSpans: string;
                errorMessage: string;
            };
        };
        EventsResult: {
            accepted: number;
            rejected: components["schemas"]["Rejection"][];
            repaired: components["schemas"]["Repair"][];
        };
        /**
         * @description What one path saw of one generation. Only one of `generation_id` and `turn_id` is required; what
         *     is written here of the other fields is what fits (see the call for what becomes of the rest). Text is
         *     UTF-8 without control characters.
         */
        Record: {
            /**
             * @description Version of this format.
             * @default 1
             * @constant
             */
            v: 1;
            /**
             * Format: uuid
             * @description Made once by the sender and kept across retries; derived from the record's content where absent.
             */
            record_id?: string | null;
            /** @description Printable ASCII without spaces, as the provider gave it. */
            generation_id?: string | null;
            /**
             * @description Default: final.
             * @enum {unknown}
             */
            state?: "open" | "final" | "cancelled" | "error" | null;
            source?: string | null;
            turn_id?: string | null;
            chat_id?: string | null;
            message_id?: string | null;
            /** @description ui, api, automation, channel, subagent */
            origin?: string | null;
            task?: string | null;
            /** @description chat, embedding, image, speech, transcription, rerank; another word is kept. */
            kind?: string | null;
            user?: {
                id: string;
                name?: string | null;
                email?: string | null;
                role?: string | null;
                /** @description Direct and inherited ones. */
                groups?: string[] | null;
                /** @description Those of `groups` in which the user is only through a group below; one that is not in `groups` is left out. */
                inherited_groups?: string[] | null;
            };
            requested_model?: string | null;
            model?: string | null;
            /** @description Who ran the model. */
            provider?: string | null;
            /** @description Who bills: openrouter, openai, ollama, …; in lower case. */
            platform?: string | null;
            /** @description Its number within the turn. */
            request?: number | null;
            /**
             * Format: uuid
             * @description The sender's spool. This and `number` are kept with the record; they say nothing of the generation.
             */
            sender?: string | null;
            /** @description Counts the records of that sender. */
            number?: number | null;
            usage?: {
                prompt_tokens?: number | null;
                completion_tokens?: number | null;
                /** @description That the model made. */
                images?: number | null;
                /** @description USD, 0 to 10000; a JSON number or a decimal string. */
                cost?: number | string | null;
                is_byok?: boolean | null;
                cost_details?: {
                    upstream_inference_cost?: number | string | null;
                } | null;
                prompt_tokens_details?: {
                    cached_tokens?: number | null;
                    cache_write_tokens?: number | null;
                } | null;
                completion_tokens_details?: {
                    reasoning_tokens?: number | null;
                } | null;
            } | null;
            /**
             * Format: date-time
             * @description From 2020 to five minutes ahead of the gateway's clock.
             */
            started_at?: string | null;
            /** Format: date-time */
            finished_at?: string | null;
        };
        LegacyRecord: {
            user?: {
                id?: string;
                name?: string | null;
                email?: string | null;
                role?: string | null;
            };
            activity: {
                /** @description The key of the row. */
                id: string;
                /** @description Seconds since 1970, or milliseconds. Null: the time of receipt. */
                timestamp?: number | null;
                /** @description Counts only where user.id is missing. */
                user_id?: string | null;
                model?: string | null;
                prompt_token?: number | null;
                completion_token?: number | null;
                reasoning_token?: number | null;
                cached_tokens?: number | null;
                cost?: number | null;
            };
        };
        Session: {
            expires_at: components["schemas"]["Instant"] | null;
            /** @description The gateway's clock. */
            now: components["schemas"]["Instant"];
            /**
             * Format: date
             * @description The local day in `timezone`.
             */
            today: string;
            /** @description The first local day with usage; null while there is none or costd was not heard yet. */
            first_day: string | null;
            timezone: string;
            /** @constant */
            currency: "USD";
            version: string;
        };
        /** @description A Session, and the half of it that goes into the header `X-Session-Token`. */
        Login: components["schemas"]["Session"] & {
            token: string;
        };
        Readiness: {
            /** @enum {unknown} */
            status: "ready" | "degraded" | "unavailable";
            spool: components["schemas"]["SpoolState"];
            costd: components["schemas"]["CostdState"];
            database: components["schemas"]["DatabaseState"];
        };
        SpoolState: {
            /** @enum {unknown} */
            state: "ok" | "full" | "failed";
            pending: number;
            quarantined: number;
            oldest_pending_seconds: number | null;
        };
        CostdState: {
            /** @enum {unknown} */
            state: "ok" | "unreachable";
        };
        DatabaseState: {
            /** @enum {unknown} */
            state: "ok" | "unreachable" | "unknown";
        };
        Figures: {
            requests: number;
            /** @description Includes cached and cache write tokens. */
            prompt_tokens: number;
            completion_tokens: number;
            reasoning_tokens: number;
            cached_tokens: number;
            cache_write_tokens: number;
            images: number;
            /** @description What the provider charges to the key. */
            cost: components["schemas"]["Money"];
            /** @description What your own contract with the provider is billed for BYOK requests; never part of cost. */
            byok_cost: components["schemas"]["Money"];
            /** @description Requests whose cost may still change: unknown or estimated, or on a key of yours whose bill is not known. Those of other platforms than OpenRouter are never waited for. */
            unsettled: number;
            /** @description By how much senders disagree: the greatest less the least claim of each cost that is in dispute. `cost` has the least. */
            disputed_cost: components["schemas"]["Money"];
        };
        UsageRow: components["schemas"]["Figures"] & {
            /** @example 2026-10-25T02:00+01:00 */
            hour?: string;
            /** Format: date */
            day?: string;
            month?: string;
            user?: string;
            user_name?: string | null;
            group?: string | null;
            model?: string | null;
            provider?: string | null;
            origin?: string | null;
            task?: string | null;
            source?: string | null;
            /** @description Who bills. */
            platform?: string | null;
        };
        Usage: {
            /** @constant */
            currency: "USD";
            timezone: string;
            from: string;
            to: string;
            rows: components["schemas"]["UsageRow"][];
            total: components["schemas"]["Figures"];
            truncated: boolean;
        };
        Generation: {
            generation_id: string;
            user: string;
            user_name: string | null;
            /**
             * @description How the user is known. `proven`, the plugin saw the user or signed the request's tag; `told`, the request named
             *     one, as anybody can who may send requests; `inferred`, from the row that it was paired with.
             * @enum {unknown}
             */
            user_state: "proven" | "told" | "inferred" | "unknown";
            /** @description The user's when the request was made. */
            groups: string[];
            /** @description Who bills; only openrouter's are looked up there. Null: not known. */
            platform: string | null;
            /**
             * @description What is out of the ordinary. `disputed`, senders disagree about its cost, its tokens, its user or its day, and neither
             *     the provider nor an operator has spoken; `unproven`, the provider does not know the id; `odd_day`, it is of
             *     another day than it was received on, and nothing explains that; `matched`, it was paired with another row by
             *     tokens and time; `other_id`, the provider's look-up spoke of another id.
             */
            marks: string[];
            /** @description The greatest less the least claim; null where its cost is not in dispute. */
            disputed_cost: components["schemas"]["Money"] | null;
            /** @description What the row counts; 0, it is part of another row's request. */
            requests: number;
            /** @description Its cost is not final. */
            unsettled: boolean;
            /** @description The id that the provider's look-up spoke of */
            other_id: string | null;
            model: string | null;
            provider: string | null;
            requested_model: string | null;
            started_at: components["schemas"]["Instant"];
            finished_at: components["schemas"]["Instant"] | null;
            /** Format: date */
            day: string;
            /** @enum {unknown} */
            state: "open" | "final" | "cancelled" | "error";
            /** @description Null while unknown. */
            cost: components["schemas"]["Money"] | null;
            /** @enum {unknown} */
            cost_state: "reported" | "looked_up" | "estimated" | "unknown";
            byok_cost: components["schemas"]["Money"] | null;
            is_byok: boolean | null;
            prompt_tokens: number | null;
            completion_tokens: number | null;
            reasoning_tokens: number | null;
            cached_tokens: number | null;
            cache_write_tokens: number | null;
            images: number | null;
            chat_id: string | null;
            message_id: string | null;
            turn_id: string | null;
            origin: string | null;
            task: string | null;
            /** @description chat, embedding, image, speech, transcription, rerank, or what the sender called it. Null: not known. */
            kind: string | null;
            source: string | null;
        };
        /** @description What one path said of a generation. */
        JournalRecord: {
            /** @description An operator decided: the number among the decisions about the row. */
            decision: number | null;
            /** @description Of a decision. */
            reason: string | null;
            /** @description True: the provider did not know the id when the look-ups ended. */
            not_found: boolean | null;
            /**
             * @description Null of records before this was told.
             * @enum {unknown}
             */
            user_state: "proven" | "told" | "inferred" | "unknown" | null;
            /** @description `TOLD_USERS` was `unknown`: the user is not the row's. */
            told_only: boolean | null;
            /** Format: uuid */
            record_id: string;
            generation_id: string | null;
            /** @description Its number within the turn. */
            request: number | null;
            platform: string | null;
            /** @description A look-up's: the id that the reply was about, if another. */
            other_id: string | null;
            received_at: components["schemas"]["Instant"];
            /** @description The path: what the sender calls itself, or look-up. */
            source: string | null;
            /** @enum {unknown} */
            state: "open" | "final" | "cancelled" | "error";
            user: string;
            user_name: string | null;
            groups: string[];
            requested_model: string | null;
            model: string | null;
            provider: string | null;
            started_at: components["schemas"]["Instant"] | null;
            finished_at: components["schemas"]["Instant"] | null;
            cost: components["schemas"]["Money"] | null;
            /**
             * @description Whose word the cost is; unknown without one.
             * @enum {unknown}
             */
            cost_state: "reported" | "looked_up" | "estimated" | "unknown";
            is_byok: boolean | null;
            byok_cost: components["schemas"]["Money"] | null;
            prompt_tokens: number | null;
            completion_tokens: number | null;
            reasoning_tokens: number | null;
            cached_tokens: number | null;
            cache_write_tokens: number | null;
            images: number | null;
            chat_id: string | null;
            message_id: string | null;
            turn_id: string | null;
            origin: string | null;
            task: string | null;
            kind: string | null;
        };
        Lookup: {
            attempts: number;
            /** @description When it was planned first. */
            first_at: components["schemas"]["Instant"];
            next_at: components["schemas"]["Instant"] | null;
            /** @description The provider's HTTP status; 0, it did not answer; null, not asked yet. */
            last_status: number | null;
            last_error: string | null;
            given_up: boolean;
        };
        /** @description The data of an `event: record` of `/live`. */
        LiveRecord: {
            received_at: components["schemas"]["Instant"];
            generation_id: string | null;
            turn_id: string | null;
            user: string;
            user_name: string | null;
            model: string | null;
            provider: string | null;
            /** @enum {unknown} */
            state: "open" | "final" | "cancelled" | "error";
            cost: components["schemas"]["Money"] | null;
            prompt_tokens: number | null;
            completion_tokens: number | null;
            origin: string | null;
            task: string | null;
            kind: string | null;
            source: string | null;
            started_at: components["schemas"]["Instant"] | null;
        };
        Pipeline: {
            now: components["schemas"]["Instant"];
            /** @enum {unknown} */
            status: "ready" | "degraded" | "unavailable";
            /** @description When a gateway accepted the newest record. */
            last_event_at: components["schemas"]["Instant"] | null;
            /** @description When the database committed the newest batch. */
            last_commit_at: components["schemas"]["Instant"] | null;
            spool: components["schemas"]["SpoolState"];
            costd: components["schemas"]["CostdState"];
            database: components["schemas"]["DatabaseState"];
            /** @description That nobody has set aside. */
            dead_letters: number | null;
            dead_letters_set_aside: number | null;
            /** @description What this gateway could not take (`/refused` says why). */
            refused: {
                /** @description In this hour and the 23 before it. */
                last_day: number;
                /** @description Since its spool was made. */
                total: number;
            };
            /**
             * @description Records that gateways have delivered and the database does not have: it was put back to an earlier state. At most;
             *     damaged records among them were never delivered.
             */
            missing_records: number | null;
            lookups: null | {
                waiting: number;
                /** @description Of the waiting */
                overdue: number;
                given_up: number;
                /** @description All look-ups of that costd wait until then. */
                paused_until: components["schemas"]["Instant"] | null;
                last_error: string | null;
            };
            /** @description The files of a closed month that are held back. Null while nothing is, or costd does not say. */
            delivery: {
                /** @description The first of them. */
                held_month: components["schemas"]["Month"] | null;
                held_reason: string | null;
            };
            /** @description Two reportd run with different settings: which. */
            terms_conflict: string | null;
        };
        Setting: {
            name: string;
            /** @description Null if not set */
            value: string | null;
            /** @description A secret that is set. */
            masked: boolean;
            is_default: boolean;
            description: string;
        };
        User: {
            id: string;
            name: string | null;
            email: string | null;
            role: string | null;
            groups: string[];
            /** @description Those of `groups` in which the user is only through a group below. */
            inherited_groups: string[];
            /** @description The first request; null: none yet, only Open WebUI's list has the user. */
            first_seen_at: components["schemas"]["Instant"] | null;
            last_seen_at: components["schemas"]["Instant"] | null;
            /** @description Ids of persons who were merged into this user, and are shown as this one. */
            merged: string[];
            /** @description When Open WebUI's list had the user last; null without such a list. */
            listed_at: components["schemas"]["Instant"] | null;
            /** @description Since when the list has the user no more. */
            gone_at: components["schemas"]["Instant"] | null;
        };
        PriceLine: {
            model: string;
            valid_from: components["schemas"]["Instant"];
            /** @description Null while it is in force. */
            valid_until: components["schemas"]["Instant"] | null;
            /** @description The provider's own object: decimal strings in USD per token, request, image or search. */
            pricing: {
                [key: string]: unknown;
            };
        };
        Unsettled: {
            generation_id: string;
            user: string;
            user_name: string | null;
            model: string | null;
            provider: string | null;
            started_at: components["schemas"]["Instant"];
            /** @enum {unknown} */
            cost_state: "reported" | "looked_up" | "estimated" | "unknown";
            /** @description What is known of it, or an estimate; part of all totals until something better is known. */
            cost: components["schemas"]["Money"] | null;
            /**
             * @description What is not final. `byok_cost`, the provider's cost is known, but not the bill of the key's owner.
             * @enum {unknown}
             */
            missing: "cost" | "byok_cost";
            /**
             * @description `waiting`, its first look-up is not due yet. `retrying`, it was asked for without success and will be again.
             *     `given_up`, the schedule ended. `not_looked_up`, it has no id the provider knows.
             *     `no_key`, costd has no key to ask with. `no_price`, it is another platform's than OpenRouter's, and
             *     came without a cost: costd asks no vendor for it, no total's `unsettled` counts it, and nothing waits for it.
             * @enum {unknown}
             */
            reason: "waiting" | "retrying" | "given_up" | "not_looked_up" | "no_key" | "no_price";
            attempts: number;
            next_at: components["schemas"]["Instant"] | null;
            /** @description HTTP status of the last answer; 0 means there was none. */
            last_status: number | null;
            last_error: string | null;
            /**
             * @description Why there is no estimate: the tokens or the model are not known, the price history has no price of the
             *     model at that instant, or its price is not one by tokens. Null when there is one, or will be soon.
             * @enum {unknown}
             */
            no_estimate: "no_tokens" | "no_model" | "no_price" | "unpriced" | null;
        };
        DeadLetter: {
            spool_id: string;
            seq: number;
            at: components["schemas"]["Instant"];
            reason: string;
            bytes: number;
            /** @description This and what follows as far as the record can be read. */
            generation_id: string | null;
            turn_id: string | null;
            user: string | null;
            model: string | null;
            cost: string | null;
            started_at: components["schemas"]["Instant"] | null;
            set_aside_at: components["schemas"]["Instant"] | null;
            set_aside_reason: string | null;
        };
        Refused: {
            /** @enum {unknown} */
            door: "events" | "record" | "traces";
            /**
             * @description Its address and what it calls itself.
             * @example 172.18.0.4 open-webui-metering/1.3
             */
            sender: string;
            reason: string;
            /** @description Records, or bodies where their records could not be told apart. */
            count: number;
            first_at: components["schemas"]["Instant"];
            last_at: components["schemas"]["Instant"];
        };
        /** @description What a plugin says of itself. Of the optional members, what does not fit is not known, or 0. */
        Heartbeat: {
            /**
             * Format: uuid
             * @description Its spool's; all without one are one.
             */
            sender?: string | null;
            /** @description Its version. */
            plugin: string;
            /** @description The version of Open WebUI it runs in. */
            openwebui?: string | null;
            /**
             * @description Whether it reads the requests themselves, beside its filter.
             * @enum {unknown}
             */
            tap: "on" | "off" | "does_not_fit";
            /** @description Why the tap is off or does not fit; a longer one is cut. */
            reason?: string | null;
            /**
             * @description That share the spool.
             * @default 1
             */
            processes: number | null;
            /**
             * @description Requests that the tap saw.
             * @default 0
             */
            seen: number | null;
            /**
             * @description Turns that had usage and that the tap did not see.
             * @default 0
             */
            missed: number | null;
            /** @default 0 */
            faults: number | null;
            /**
             * @description Requests without a user.
             * @default 0
             */
            unnamed: number | null;
            /**
             * @description Records that wait in its spool.
             * @default 0
             */
            queued: number | null;
            /**
             * @description Records put aside there.
             * @default 0
             */
            rejected: number | null;
        };
        Sender: {
            /** Format: uuid */
            sender: string | null;
            plugin: string;
            openwebui: string | null;
            /** @enum {unknown} */
            tap: "on" | "off" | "does_not_fit";
            reason: string | null;
            processes: number;
            /** @description Requests that the tap saw. */
            seen: number;
            /** @description Turns that had usage and that the tap did not see. */
            missed: number;
            faults: number;
            /** @description Requests without a user. */
            unnamed: number;
            /** @description Records that wait in its spool. */
            queued: number;
            /** @description Records put aside there. */
            rejected: number;
            first_at: components["schemas"]["Instant"];
            last_at: components["schemas"]["Instant"];
            /**
             * @description `silent`, nothing for more than three minutes.
             * @enum {unknown}
             */
            state: "heard" | "silent";
        };
        Dispute: {
            generation_id: string;
            /** @description `unknown` while it is in dispute. */
            user: string;
            user_name: string | null;
            model: string | null;
            provider: string | null;
            source: string | null;
            /** @description While it is in dispute, the latest claim that is not after its receipt. */
            started_at: components["schemas"]["Instant"];
            marks: ("disputed" | "unproven" | "odd_day")[];
            in_dispute: ("cost" | "tokens" | "user" | "day")[];
            /** @enum {unknown} */
            cost_state: "reported" | "looked_up" | "estimated" | "unknown";
            /** @description What counts: while it is in dispute, the least claim. */
            cost: components["schemas"]["Money"] | null;
            greatest_cost: components["schemas"]["Money"] | null;
            /** @description The greatest less the least claim. */
            disputed_cost: components["schemas"]["Money"] | null;
            /** @description What counts: while tokens are in dispute, the least claim. */
            prompt_tokens: number | null;
            /** @description Null: tokens are not in dispute. */
            greatest_prompt_tokens: number | null;
            completion_tokens: number | null;
            greatest_completion_tokens: number | null;
            /** @description Two of the claimed users, in the order of their ids; one where they are merged. */
            users: string[];
            earliest_at: components["schemas"]["Instant"] | null;
            latest_at: components["schemas"]["Instant"] | null;
            /** @description Of its first record. Null: of a row from before this was kept. */
            received_at: components["schemas"]["Instant"] | null;
            /** @description Of its look-up, while one is planned, like the next. */
            attempts: number | null;
            next_at: components["schemas"]["Instant"] | null;
            last_status: number | null;
            last_error: string | null;
        };
        Discrepancy: {
            generation_id: string;
            user: string;
            user_name: string | null;
            model: string | null;
            provider: string | null;
            started_at: components["schemas"]["Instant"];
            found_at: components["schemas"]["Instant"];
            reported: components["schemas"]["Money"];
            looked_up: components["schemas"]["Money"];
            /** @description Looked up minus reported. */
            difference: components["schemas"]["SignedMoney"];
        };
    };
    responses: {
        /** @description The request was refused; `detail` says what and where. */
        Problem: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description A service that is needed does not answer, or the spool is full. Nothing was changed; try again. */
        Unavailable: {
            headers: {
                /** @description Seconds. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description The key has sent as much as it may in a minute or a day (`INGEST_RECORDS_PER_MINUTE` and its like). Nothing was
         *     taken; send the same again after Retry-After.
         */
        Throttled: {
            headers: {
                /** @description Seconds, until the minute or the day (UTC) ends. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description It goes on. The request at `Location` tells how far it is; so does the same call with this key. */
        IssueAccepted: {
            headers: {
                /** @description `/api/v1/documents/requests/{key}` */
                Location?: string;
                /** @description Seconds. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/json": {
                    /** @description The Idempotency-Key, or the one that was drawn. */
                    request: string;
                    /** @enum {unknown} */
                    state: "queued" | "running";
                };
            };
        };
        /** @description A problem, or a google.rpc.Status for a request in protobuf. 503 carries Retry-After. */
        TracesError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
                "application/x-protobuf": string;
            };
        };
        /** @description As `Throttled`, in the encoding of the request. */
        TracesThrottled: {
            headers: {
                /** @description Seconds. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
                "application/x-protobuf": string;
            };
        };
        /** @description As `Throttled`. */
        LegacyThrottled: {
            headers: {
                /** @description Seconds. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/json": {
                    /** @constant */
                    success: false;
                    error: string;
                };
            };
        };
        /** @description The request was refused. */
        LegacyError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": {
                    /** @constant */
                    success: false;
                    error: string;
                };
            };
        };
        /**
         * @description The file, as an attachment whose name says who and when. One that takes long to make is sent
         *     while it is made, in chunks and without `ETag`; HEAD waits for its end and tells. If making it
         *     fails half-way, the connection ends before the last chunk.
         */
        Document: {
            headers: {
                "Content-Disposition"?: string;
                /** @description From the bytes; not on a file that is sent while it is made. */
                ETag?: string;
                /** @description When what it shows last changed. */
                "Last-Modified"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/pdf": string;
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                "text/csv": string;
                "application/zip": string;
            };
        };
        /** @description The file, as an attachment. RFC 4180, UTF-8, columns as in reportd/README.md. */
        CsvFile: {
            headers: {
                "Content-Disposition"?: string;
                /** @description From the bytes; not on a file that is sent while it is made. */
                ETag?: string;
                /** @description When what it shows last changed. */
                "Last-Modified"?: string;
                [name: string]: unknown;
            };
            content: {
                "text/csv": string;
            };
        };
        /** @description The file, as an attachment. */
        XlsxFile: {
            headers: {
                "Content-Disposition"?: string;
                /** @description From the bytes; not on a file that is sent while it is made. */
                ETag?: string;
                /** @description When what it shows last changed. */
                "Last-Modified"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
            };
        };
    };
    parameters: {
        /** @description A local day `YYYY-MM-DD` or an instant. Default, the first day of the running month. */
        From: string;
        /** @description A local day or an instant, of the same kind as `from`, not earlier; it is not part of the period. Default, the first day of the month after the running one. */
        To: string;
        /** @description Only this user id. */
        User: string;
        /** @description Only this model. */
        Model: string;
        /** @description Only this provider. */
        Provider: string;
        /** @description Only requests whose user was in this group then; empty */
        Group: string;
        /** @description Only this origin. */
        Origin: string;
        /** @description Only this task; empty */
        Task: string;
        /** @description Only this platform, who bills; empty, rows without one. */
        Platform: string;
        /** @description Only this kind of request; empty, rows without one. */
        Kind: string;
        /** @description 1, only rows whose cost is not final, as totals count them; 0, only the others. */
        Unsettled: 0 | 1;
        /** @description Only this source, the path the row's winning record came by. */
        Source: string;
        /** @description `next_cursor` of the page before. */
        Cursor: string;
        Limit: number;
        /** @description Language and number format. Default, the installation's. */
        Locale: "en" | "de";
        /** @description Of a PDF, and of a workbook when it is printed. Default, the installation's. */
        Paper: "a4" | "letter";
        /** @description Made by the caller once per document it wants. */
        IdempotencyKey: string;
        /** @description The columns of a CSV file; `focus` is those of FOCUS 1.2, for cost tools. */
        FileFormat: "focus";
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alive. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": "ok";
                };
            };
            503: components["responses"]["Unavailable"];
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Records are accepted. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description Records cannot be accepted. A gateway that is stopping answers with a problem. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postEvents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Record"] | components["schemas"]["Record"][];
                "application/x-ndjson": string;
                "application/ndjson": string;
                "application/jsonl": string;
            };
        };
        responses: {
            /** @description At least one record (or an empty array) was accepted. */
            200: {
                headers: {
                    /**
                     * @description What the plugin signs its tags with (`owui_mac` in a request's `trace`), so that they prove the user when
                     *     Broadcast brings them back. It follows from the ingest key and ends with it. A secret.
                     */
                    "X-Tag-Key"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventsResult"];
                };
            };
            /** @description Nothing could be accepted. `rejected` is present when records were read but all refused. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @constant */
                        accepted?: 0;
                        rejected?: components["schemas"]["Rejection"][];
                        repaired?: components["schemas"]["Repair"][];
                    };
                };
            };
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            429: components["responses"]["Throttled"];
            503: components["responses"]["Unavailable"];
        };
    };
    putTraces: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    resourceSpans?: Record<string, never>[];
                };
                "application/x-protobuf": string;
            };
        };
        responses: {
            /**
             * @description Taken, in the encoding of the request. `partialSuccess` says what was refused (a generation
             *     without an id) and, with `rejectedSpans` 0, which fields did not fit and were repaired or left
             *     out, as at `/api/v1/events` and by the names that they have there.
             */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TracesResult"];
                    "application/x-protobuf": string;
                };
            };
            400: components["responses"]["TracesError"];
            401: components["responses"]["TracesError"];
            403: components["responses"]["TracesError"];
            408: components["responses"]["TracesError"];
            413: components["responses"]["TracesError"];
            415: components["responses"]["TracesError"];
            421: components["responses"]["Problem"];
            429: components["responses"]["TracesThrottled"];
            503: components["responses"]["TracesError"];
        };
    };
    postTraces: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    resourceSpans?: Record<string, never>[];
                };
                "application/x-protobuf": string;
            };
        };
        responses: {
            /**
             * @description Taken, in the encoding of the request. `partialSuccess` says what was refused (a generation
             *     without an id) and, with `rejectedSpans` 0, which fields did not fit and were repaired or left
             *     out, as at `/api/v1/events` and by the names that they have there.
             */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TracesResult"];
                    "application/x-protobuf": string;
                };
            };
            400: components["responses"]["TracesError"];
            401: components["responses"]["TracesError"];
            403: components["responses"]["TracesError"];
            408: components["responses"]["TracesError"];
            413: components["responses"]["TracesError"];
            415: components["responses"]["TracesError"];
            421: components["responses"]["Problem"];
            429: components["responses"]["TracesThrottled"];
            503: components["responses"]["TracesError"];
        };
    };
    postMeteringRecord: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LegacyRecord"];
            };
        };
        responses: {
            /** @description Accepted durably. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        success: true;
                        /** @description Only where something was. */
                        repaired?: components["schemas"]["Repair"][];
                    };
                };
            };
            400: components["responses"]["LegacyError"];
            401: components["responses"]["LegacyError"];
            403: components["responses"]["LegacyError"];
            408: components["responses"]["LegacyError"];
            413: components["responses"]["LegacyError"];
            415: components["responses"]["LegacyError"];
            421: components["responses"]["Problem"];
            429: components["responses"]["LegacyThrottled"];
            503: components["responses"]["LegacyError"];
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    password: string;
                };
            };
        };
        responses: {
            /** @description The session is open. */
            200: {
                headers: {
                    /** @description `auth_token`, HttpOnly, SameSite=Strict; and `browser_mark` in a second line, which opens nothing: a browser with it may try a password while the tries of its address are throttled, and has a throttle of its own. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            /** @description Too many failed attempts, from this address or in all. */
            429: {
                headers: {
                    /** @description Seconds. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description costd, which keeps the sessions, does not answer; nobody can log in meanwhile. Or too many passwords are being checked. */
            503: {
                headers: {
                    /** @description Seconds. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    loginByLink: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description What stands behind `#link=`. */
                    code: string;
                };
            };
        };
        responses: {
            /** @description The session is open. */
            200: {
                headers: {
                    /** @description As of `login`. */
                    "Set-Cookie"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Login"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Logged out at every gateway; the cookie is cleared. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    endAllSessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Nobody is logged in any more. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description How many there were. */
                        ended: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    createTicket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description With its query, as the URL will have it: `/api/v1/reports/2026-11.pdf?paper=a4`. */
                    path: string;
                };
            };
        };
        responses: {
            /** @description The URL with its ticket. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        url: string;
                        expires_at: components["schemas"]["Instant"];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description There is one. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getUsage: {
        parameters: {
            query?: {
                /** @description A local day `YYYY-MM-DD` or an instant. Default, the first day of the running month. */
                from?: components["parameters"]["From"];
                /** @description A local day or an instant, of the same kind as `from`, not earlier; it is not part of the period. Default, the first day of the month after the running one. */
                to?: components["parameters"]["To"];
                /**
                 * @description Comma separated, in any order, each once. Rows come ordered by their day or month if they have
                 *     one, then by cost, highest first, then by the other keys. Without it `rows` is empty and
                 *     `total` says all. `hour` is a local hour with the zone's offset at that time; it is added up
                 *     from the ledger rows, so the period may have 31 days at most. `group`: a request counts in
                 *     each group its user was in when it was made, so these rows may add up to more than `total`,
                 *     which counts it once; without any group it is in the row whose `group` is null.
                 */
                group_by?: string;
                /** @description Only this user id. */
                user?: components["parameters"]["User"];
                /** @description Only requests whose user was in this group then; empty */
                group?: components["parameters"]["Group"];
                /** @description Only this model. */
                model?: components["parameters"]["Model"];
                /** @description Only this provider. */
                provider?: components["parameters"]["Provider"];
                /** @description Only this origin. */
                origin?: components["parameters"]["Origin"];
                /** @description Only this task; empty */
                task?: components["parameters"]["Task"];
                /** @description Only this source, the path the row's winning record came by. */
                source?: components["parameters"]["Source"];
                /** @description Only this platform, who bills; empty, rows without one. */
                platform?: components["parameters"]["Platform"];
                /** @description At most this many rows; `truncated` says that there were more. `total` always covers all. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Totals. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Usage"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listGenerations: {
        parameters: {
            query?: {
                /** @description A local day `YYYY-MM-DD` or an instant. Default, the first day of the running month. */
                from?: components["parameters"]["From"];
                /** @description A local day or an instant, of the same kind as `from`, not earlier; it is not part of the period. Default, the first day of the month after the running one. */
                to?: components["parameters"]["To"];
                /** @description Only this user id. */
                user?: components["parameters"]["User"];
                /** @description Only requests whose user was in this group then; empty */
                group?: components["parameters"]["Group"];
                /** @description Only this model. */
                model?: components["parameters"]["Model"];
                /** @description Only this provider. */
                provider?: components["parameters"]["Provider"];
                /** @description Only this platform, who bills; empty, rows without one. */
                platform?: components["parameters"]["Platform"];
                /** @description Only this kind of request; empty, rows without one. */
                kind?: components["parameters"]["Kind"];
                chat_id?: string;
                generation_id?: string;
                /** @description One or several, comma separated. */
                state?: string;
                /** @description One or several, comma separated. */
                cost_state?: string;
                /** @description 1, only rows whose cost is not final, as totals count them; 0, only the others. */
                unsettled?: components["parameters"]["Unsettled"];
                /** @description Only this origin. */
                origin?: components["parameters"]["Origin"];
                /** @description Only this task; empty */
                task?: components["parameters"]["Task"];
                /** @description Only this source, the path the row's winning record came by. */
                source?: components["parameters"]["Source"];
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of rows. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        timezone: string;
                        items: components["schemas"]["Generation"][];
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getGeneration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                generation_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The row and its history. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        timezone: string;
                        generation: components["schemas"]["Generation"] & {
                            /** @description The rows whose request this one is. */
                            part_of: string[];
                            /** @description The rows that are part of this one's request. */
                            parts: string[];
                        };
                        records: components["schemas"]["JournalRecord"][];
                        /** @description There are more records than the first 1000. */
                        truncated: boolean;
                        lookup: components["schemas"]["Lookup"] | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    unpairGeneration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                generation_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows that count by themselves now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        unpaired: string[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            /** @description It is not paired. */
            409: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getLive: {
        parameters: {
            query?: {
                /** @description In place of the header */
                last_event_id?: string;
            };
            header?: {
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream, which does not end by itself. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getPipeline: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pipeline"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings of each service; of one that does not answer, none. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        services: {
                            /** @enum {string} */
                            service: "gateway" | "costd" | "reportd";
                            /** @description Null while the service does not answer. */
                            version: string | null;
                            settings: components["schemas"]["Setting"][];
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getPlugin: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Python, to be pasted into Open WebUI. */
            200: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description Not changed; the client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listUsers: {
        parameters: {
            query?: {
                /** @description Part of an id, name or e-mail address, case does not matter. */
                q?: string;
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of users. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["User"][];
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    mergeUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description The id of the user that stays. */
                    into: string;
                };
            };
        };
        responses: {
            /** @description The user that the person is shown as. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            /** @description The user is merged into another one already, or `into` is merged into this user. */
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    unmergeUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            /** @description The user is not merged into another one. */
            409: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listModels: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The list. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        fetched_at: components["schemas"]["Instant"];
                        next_cursor: null;
                        items: {
                            id: string;
                            name: string;
                            context_length?: number | null;
                            /** @description USD per token (or per request, search, image), as the provider prints it; a negative price means unpriced. */
                            pricing: {
                                [key: string]: string;
                            };
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getCredits: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /**
             * @description The balance. `known` is false where the provider key may not read it: OpenRouter answers a key
             *     that is not a management key with zeros.
             */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        fetched_at: components["schemas"]["Instant"];
                        known: boolean;
                        total_credits: components["schemas"]["Money"] | null;
                        total_usage: components["schemas"]["Money"] | null;
                        remaining: components["schemas"]["SignedMoney"] | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getStatement: {
        parameters: {
            query?: {
                /** @description Language and number format. Default, the installation's. */
                locale?: components["parameters"]["Locale"];
                /** @description Of a PDF, and of a workbook when it is printed. Default, the installation's. */
                paper?: components["parameters"]["Paper"];
                /** @description The columns of a CSV file; `focus` is those of FOCUS 1.2, for cost tools. */
                format?: components["parameters"]["FileFormat"];
            };
            header?: never;
            path: {
                user_id: string;
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Document"];
            /** @description Not changed; the client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getGroupStatement: {
        parameters: {
            query?: {
                /** @description Language and number format. Default, the installation's. */
                locale?: components["parameters"]["Locale"];
                /** @description Of a PDF, and of a workbook when it is printed. Default, the installation's. */
                paper?: components["parameters"]["Paper"];
                /** @description The columns of a CSV file; `focus` is those of FOCUS 1.2, for cost tools. */
                format?: components["parameters"]["FileFormat"];
            };
            header?: never;
            path: {
                group: string;
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Document"];
            /** @description Not changed; the client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getReport: {
        parameters: {
            query?: {
                /** @description Language and number format. Default, the installation's. */
                locale?: components["parameters"]["Locale"];
                /** @description Of a PDF, and of a workbook when it is printed. Default, the installation's. */
                paper?: components["parameters"]["Paper"];
                /** @description The columns of a CSV file; `focus` is those of FOCUS 1.2, for cost tools. */
                format?: components["parameters"]["FileFormat"];
            };
            header?: never;
            path: {
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Document"];
            /** @description Not changed; the client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getUsageCsv: {
        parameters: {
            query?: {
                /** @description A local day `YYYY-MM-DD` or an instant. Default, the first day of the running month. */
                from?: components["parameters"]["From"];
                /** @description A local day or an instant, of the same kind as `from`, not earlier; it is not part of the period. Default, the first day of the month after the running one. */
                to?: components["parameters"]["To"];
                /**
                 * @description Comma separated, in any order, each once. Rows come ordered by their day or month if they have
                 *     one, then by cost, highest first, then by the other keys. Without it `rows` is empty and
                 *     `total` says all. `hour` is a local hour with the zone's offset at that time; it is added up
                 *     from the ledger rows, so the period may have 31 days at most. `group`: a request counts in
                 *     each group its user was in when it was made, so these rows may add up to more than `total`,
                 *     which counts it once; without any group it is in the row whose `group` is null.
                 */
                group_by?: string;
                /** @description Only this user id. */
                user?: components["parameters"]["User"];
                /** @description Only requests whose user was in this group then; empty */
                group?: components["parameters"]["Group"];
                /** @description Only this model. */
                model?: components["parameters"]["Model"];
                /** @description Only this provider. */
                provider?: components["parameters"]["Provider"];
                /** @description Only this origin. */
                origin?: components["parameters"]["Origin"];
                /** @description Only this task; empty */
                task?: components["parameters"]["Task"];
                /** @description Only this source, the path the row's winning record came by. */
                source?: components["parameters"]["Source"];
                /** @description Only this platform, who bills; empty, rows without one. */
                platform?: components["parameters"]["Platform"];
                /**
                 * @description The first so many rows. Without it all of them; beyond 100000 the call is refused, no file is
                 *     ever cut short unsaid.
                 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["CsvFile"];
            /** @description Not changed; the client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getUsageXlsx: {
        parameters: {
            query?: {
                /** @description A local day `YYYY-MM-DD` or an instant. Default, the first day of the running month. */
                from?: components["parameters"]["From"];
                /** @description A local day or an instant, of the same kind as `from`, not earlier; it is not part of the period. Default, the first day of the month after the running one. */
                to?: components["parameters"]["To"];
                /**
                 * @description Comma separated, in any order, each once. Rows come ordered by their day or month if they have
                 *     one, then by cost, highest first, then by the other keys. Without it `rows` is empty and
                 *     `total` says all. `hour` is a local hour with the zone's offset at that time; it is added up
                 *     from the ledger rows, so the period may have 31 days at most. `group`: a request counts in
                 *     each group its user was in when it was made, so these rows may add up to more than `total`,
                 *     which counts it once; without any group it is in the row whose `group` is null.
                 */
                group_by?: string;
                /** @description Only this user id. */
                user?: components["parameters"]["User"];
                /** @description Only requests whose user was in this group then; empty */
                group?: components["parameters"]["Group"];
                /** @description Only this model. */
                model?: components["parameters"]["Model"];
                /** @description Only this provider. */
                provider?: components["parameters"]["Provider"];
                /** @description Only this origin. */
                origin?: components["parameters"]["Origin"];
                /** @description Only this task; empty */
                task?: components["parameters"]["Task"];
                /** @description Only this source, the path the row's winning record came by. */
                source?: components["parameters"]["Source"];
                /** @description Only this platform, who bills; empty, rows without one. */
                platform?: components["parameters"]["Platform"];
                /**
                 * @description The first so many rows. Without it all of them; beyond 100000 the call is refused, no file is
                 *     ever cut short unsaid.
                 */
                limit?: number;
                /** @description Language and number format. Default, the installation's. */
                locale?: components["parameters"]["Locale"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["XlsxFile"];
            /** @description Not changed; the client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getGenerationsCsv: {
        parameters: {
            query?: {
                /** @description A local day `YYYY-MM-DD` or an instant. Default, the first day of the running month. */
                from?: components["parameters"]["From"];
                /** @description A local day or an instant, of the same kind as `from`, not earlier; it is not part of the period. Default, the first day of the month after the running one. */
                to?: components["parameters"]["To"];
                /** @description Only this user id. */
                user?: components["parameters"]["User"];
                /** @description Only requests whose user was in this group then; empty */
                group?: components["parameters"]["Group"];
                /** @description Only this model. */
                model?: components["parameters"]["Model"];
                /** @description Only this provider. */
                provider?: components["parameters"]["Provider"];
                /** @description Only this platform, who bills; empty, rows without one. */
                platform?: components["parameters"]["Platform"];
                /** @description Only this kind of request; empty, rows without one. */
                kind?: components["parameters"]["Kind"];
                chat_id?: string;
                generation_id?: string;
                /** @description One or several, comma separated. */
                state?: string;
                /** @description One or several, comma separated. */
                cost_state?: string;
                /** @description 1, only rows whose cost is not final, as totals count them; 0, only the others. */
                unsettled?: components["parameters"]["Unsettled"];
                /** @description Only this origin. */
                origin?: components["parameters"]["Origin"];
                /** @description Only this task; empty */
                task?: components["parameters"]["Task"];
                /** @description Only this source, the path the row's winning record came by. */
                source?: components["parameters"]["Source"];
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                /** @description At most so many rows. Default, all. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["CsvFile"];
            /** @description Not changed; the client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getGenerationsXlsx: {
        parameters: {
            query?: {
                /** @description A local day `YYYY-MM-DD` or an instant. Default, the first day of the running month. */
                from?: components["parameters"]["From"];
                /** @description A local day or an instant, of the same kind as `from`, not earlier; it is not part of the period. Default, the first day of the month after the running one. */
                to?: components["parameters"]["To"];
                /** @description Only this user id. */
                user?: components["parameters"]["User"];
                /** @description Only requests whose user was in this group then; empty */
                group?: components["parameters"]["Group"];
                /** @description Only this model. */
                model?: components["parameters"]["Model"];
                /** @description Only this provider. */
                provider?: components["parameters"]["Provider"];
                /** @description Only this platform, who bills; empty, rows without one. */
                platform?: components["parameters"]["Platform"];
                /** @description Only this kind of request; empty, rows without one. */
                kind?: components["parameters"]["Kind"];
                chat_id?: string;
                generation_id?: string;
                /** @description One or several, comma separated. */
                state?: string;
                /** @description One or several, comma separated. */
                cost_state?: string;
                /** @description 1, only rows whose cost is not final, as totals count them; 0, only the others. */
                unsettled?: components["parameters"]["Unsettled"];
                /** @description Only this origin. */
                origin?: components["parameters"]["Origin"];
                /** @description Only this task; empty */
                task?: components["parameters"]["Task"];
                /** @description Only this source, the path the row's winning record came by. */
                source?: components["parameters"]["Source"];
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                /** @description At most so many rows. Default, all. */
                limit?: number;
                /** @description Language and number format. Default, the installation's. */
                locale?: components["parameters"]["Locale"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["XlsxFile"];
            /** @description Not changed; the client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    postExport: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @description Path and query of a call that gives a file.
                     * @example /api/v1/reports/2026-11.xlsx?locale=de
                     */
                    target: string;
                };
            };
        };
        responses: {
            /** @description It is being made, or waits for its turn. */
            202: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its state. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Export"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteExport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is gone. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getExportFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Document"];
            /** @description Not changed; the client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listDocuments: {
        parameters: {
            query?: {
                /** @description Of the number. */
                year?: number;
                /** @description The month they are about. */
                month?: components["schemas"]["Month"];
                /** @description Only this user id. */
                user?: components["parameters"]["User"];
                /** @description Only this group. */
                group?: string;
                kind?: components["schemas"]["DocumentKind"];
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of documents. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Document"][];
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    issueDocument: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made by the caller once per document it wants. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    kind: components["schemas"]["DocumentKind"];
                    /** @description Of a statement. */
                    user?: string | null;
                    /** @description Of a group_statement. */
                    group?: string | null;
                    month: components["schemas"]["Month"];
                    /**
                     * @description Default: pdf.
                     * @enum {unknown}
                     */
                    format?: "pdf" | "xlsx" | null;
                    /** @description en, de; default: as reportd is set. */
                    locale?: string | null;
                    /**
                     * @description Default: as reportd is set.
                     * @enum {unknown}
                     */
                    paper?: "a4" | "letter" | null;
                    /** @description Number of the document this one takes the place of. */
                    corrects?: string | null;
                    /**
                     * @description Of a correction: those of the document that it corrects, or those of the month as they are now. Default: document.
                     * @enum {unknown}
                     */
                    terms?: "document" | "month" | null;
                    /** @description Another file of the document that stands, which says on its pages that it is a duplicate. Not together with corrects. Default: false. */
                    duplicate?: boolean | null;
                };
            };
        };
        responses: {
            /** @description A file was added to the document, or this Idempotency-Key issued it before. */
            200: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description Issued. */
            201: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            202: components["responses"]["IssueAccepted"];
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            /** @description No such user, or no such document to correct. */
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            /**
             * @description Something is issued for this already, and `detail` names it; there is nothing a duplicate could be
             *     of; the document to correct was corrected or cancelled already, is a cancellation, or is about
             *     something else; the Idempotency-Key asked for another document; or the last document is dated
             *     ahead of the clock.
             */
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getIssueRequest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The Idempotency-Key of the request. */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its state. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssueRequest"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            /** @description There is no request of that name. */
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getDocument: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                number: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getDocumentFile: {
        parameters: {
            query?: {
                /** @description One of its formats. Default, that of its first file. */
                format?: "pdf" | "xlsx";
                /** @description 1, the newest duplicate in place of the original. Default, 0. */
                duplicate?: 0 | 1;
            };
            header?: never;
            path: {
                number: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Document"];
            /** @description The client has it. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            /** @description No such document, or it has no such file. */
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    cancelDocument: {
        parameters: {
            query?: never;
            header?: {
                /** @description Made by the caller once per document it wants. */
                "Idempotency-Key"?: components["parameters"]["IdempotencyKey"];
            };
            path: {
                number: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Printed on the cancellation. */
                    reason?: string | null;
                    /** @description en, de; default: as the document. */
                    locale?: string | null;
                    /**
                     * @description Default: as the document.
                     * @enum {unknown}
                     */
                    paper?: "a4" | "letter" | null;
                };
            };
        };
        responses: {
            /** @description This Idempotency-Key issued the cancellation before. */
            200: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description Cancelled. The document is the cancellation. */
            201: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            202: components["responses"]["IssueAccepted"];
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            /** @description No such document. */
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            /** @description It was corrected or cancelled already, or is a cancellation; the Idempotency-Key asked for another document; or the last document is dated ahead of the clock. */
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getTerms: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TermsList"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    putTerms: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TermsChange"];
            };
        };
        responses: {
            /** @description Changed; all of them, as they are now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TermsList"];
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            /** @description There are no terms of that day to withdraw. */
            404: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    verifyDocument: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /**
             * @description The document is genuine if these are its number, date and total, and its file has one of these
             *     hashes. It is in force if it was neither corrected nor cancelled, and is no cancellation itself.
             */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        number: components["schemas"]["DocumentNumber"];
                        kind: components["schemas"]["DocumentKind"];
                        issued_at: components["schemas"]["Instant"];
                        total: components["schemas"]["PrintedMoney"];
                        currency: string;
                        /** @description Of the first file. */
                        sha256: components["schemas"]["Sha256"];
                        corrected_by: components["schemas"]["DocumentNumber"] | null;
                        cancels: components["schemas"]["DocumentNumber"] | null;
                        cancelled_by: components["schemas"]["DocumentNumber"] | null;
                        files: {
                            /** @enum {unknown} */
                            format: "pdf" | "xlsx";
                            duplicate: boolean;
                            sha256: components["schemas"]["Sha256"];
                        }[];
                    };
                };
            };
            400: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            /** @description Too many unknown codes from this address. */
            429: {
                headers: {
                    /** @description Seconds. */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            503: components["responses"]["Unavailable"];
        };
    };
    postUserReport: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    userId: string;
                    year: number;
                    /** @description January is 0. */
                    month: number;
                };
            };
        };
        responses: {
            200: components["responses"]["Document"];
            400: components["responses"]["LegacyError"];
            401: components["responses"]["LegacyError"];
            403: components["responses"]["LegacyError"];
            404: components["responses"]["LegacyError"];
            408: components["responses"]["LegacyError"];
            413: components["responses"]["LegacyError"];
            415: components["responses"]["LegacyError"];
            421: components["responses"]["Problem"];
            503: components["responses"]["LegacyError"];
        };
    };
    listPrices: {
        parameters: {
            query?: {
                /** @description Only this model. */
                model?: components["parameters"]["Model"];
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of prices as the provider listed them, each with the time it was in force. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["PriceLine"][];
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listUnsettled: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of rows. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Unsettled"][];
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listDeadLetters: {
        parameters: {
            query?: {
                /** @description 1, only those that were set aside; 0, only the others. */
                set_aside?: 0 | 1;
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of records. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["DeadLetter"][];
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    retryDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description Of the list; together with seq. */
                    spool_id?: string;
                    seq?: number;
                };
            };
        };
        responses: {
            /** @description What became of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        tried: number;
                        stored: number;
                        duplicate: number;
                        refused: number;
                        more: boolean;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    setDeadLettersAside: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    reason: string;
                    /** @description Of the list; together with seq. */
                    spool_id?: string;
                    seq?: number;
                    letters?: {
                        spool_id: string;
                        seq: number;
                    }[];
                };
            };
        };
        responses: {
            /** @description How many were not set aside before. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        set_aside: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            /** @description One of those that are named is none; nothing was changed. */
            404: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listRefused: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All lines; there is never another page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Refused"][];
                        next_cursor: null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    postHeartbeat: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Heartbeat"];
            };
        };
        responses: {
            /** @description It is kept. */
            200: {
                headers: {
                    /**
                     * @description What the plugin signs its tags with (`owui_mac` in a request's `trace`), so that they prove the user when
                     *     Broadcast brings them back. It follows from the ingest key and ends with it. A secret.
                     */
                    "X-Tag-Key"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @constant */
                        ok: true;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            408: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listSenders: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Sender"][];
                        next_cursor: null;
                    };
                };
            };
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    decideGeneration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                generation_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description In USD; it, tokens or `user` is needed. */
                    cost?: number | string;
                    prompt_tokens?: number;
                    completion_tokens?: number;
                    /** @description The id of a user who was seen. */
                    user?: string;
                    reason: string;
                };
            };
        };
        responses: {
            /** @description It counts from now on. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        generation_id: string;
                        /** @description The number among the decisions about the row. */
                        decision: number;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            404: components["responses"]["Problem"];
            /** @description It is part of another row. */
            409: components["responses"]["Problem"];
            413: components["responses"]["Problem"];
            415: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listDisputes: {
        parameters: {
            query?: {
                mark?: "disputed" | "unproven" | "odd_day";
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of rows. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Dispute"][];
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    listDiscrepancies: {
        parameters: {
            query?: {
                /** @description `next_cursor` of the page before. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of rows. The ledger counts the looked-up cost. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Discrepancy"][];
                        next_cursor: string | null;
                    };
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Counters never go down while a process lives. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            400: components["responses"]["Problem"];
            401: components["responses"]["Problem"];
            403: components["responses"]["Problem"];
            421: components["responses"]["Problem"];
            503: components["responses"]["Unavailable"];
        };
    };
}
